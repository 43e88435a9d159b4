"""Several templates behind one endpoint: lists hold all, each answers for itself, Resource Graph lags behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from aibtui.emulator import load_scenario
from tests.emulator.clients import arm, emulator, get, move

_QUERY = "resources | where type =~ 'Microsoft.VirtualMachineImages/imageTemplates'"


async def test_each_template_answers_for_itself_and_lists_hold_all() -> None:
    async with emulator("windows", others=[load_scenario("linux")]) as server, arm(server) as client:
        names = [(await get(client, id))["name"] for id in server.template_ids]
        subscriptions = (await get(client, "/subscriptions"))["value"]
        with pytest.raises(HttpResponseError, match="ResourceGroupNotFound"):
            await get(client, f"/subscriptions/{server.subscription}/resourceGroups/no-such")
    assert names == ["win11-avd-golden", "ubuntu-build-agent"]
    assert len(subscriptions) == 2


async def test_resource_graph_tells_in_pages_how_things_were() -> None:
    server = emulator("windows", others=[load_scenario("linux")], graph_lag=timedelta(minutes=1))
    async with server, arm(server) as client:

        async def ask(**options: object) -> dict[str, object]:
            request = HttpRequest(
                "POST",
                "{endpoint}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01",
                json={"query": _QUERY, "options": options},
            )
            response = await client.send_request(request)
            response.raise_for_status()
            answer: dict[str, object] = response.json()
            return answer

        await move(server, seconds=40)
        first = await ask(**{"$top": 1})
        second = await ask(**{"$top": 1, "$skipToken": first["$skipToken"]})
        now = server.run_status()
    rows = [*first["data"], *second["data"]]  # type: ignore[misc]
    assert {row["name"] for row in rows} == {"win11-avd-golden", "ubuntu-build-agent"}
    assert "$skipToken" not in second
    assert now is not None
    assert (now["runSubState"], rows[0]["lastRunStatus"]["runSubState"]) == ("Building", "Queued")
