"""What a probe saves: the answers, in files for their owner alone, without names, scripts and secrets."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.sources.arm import Access, Arm, load
from aibtui.sources.probe import Masks, Probe
from aibtui.sources.target import parse_target
from tests.sources.fake_azure import TARGET, FakeAzure, answering, arm_error

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


async def probed(endpoint: str, template_id: str, folder: Path, clock: ScenarioClock | None = None) -> list[str]:
    """The steps that were told."""

    async def sleep(seconds: float) -> None:
        if clock is not None:
            await clock.sleep(timedelta(seconds=seconds))

    await load()
    target = parse_target(template_id)
    arm = Arm(Access({}, arm_endpoint=endpoint), target.subscription)
    probe = Probe(arm, target, folder, growth=timedelta(minutes=6), every=timedelta(minutes=2), sleep=sleep)
    try:
        return [step async for step in probe.steps()]
    finally:
        await arm.close()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Emulator, list[str]]:
    folder = tmp_path_factory.mktemp("probe") / "answers"

    async def play() -> tuple[Emulator, list[str]]:
        clock = ScenarioClock(None, START)
        async with Emulator(load_scenario("windows"), clock) as emulator:
            await clock.sleep(timedelta(minutes=20))
            return emulator, await probed(emulator.endpoint, emulator.template_id, folder, clock)

    return folder, *asyncio.run(play())


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


Answers = tuple[Path, Emulator, list[str]]


def test_the_files_have_fixed_names(answers: Answers) -> None:
    folder, _, _ = answers
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "blob.json",
        "container-groups.json",
        "container-logs.json",
        "growth.json",
        "probe.json",
        "resources.json",
        "storage-accounts.json",
        "template.json",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_nobody_else_may_read_them(answers: Answers) -> None:
    folder, _, _ = answers
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nothing_but_get_and_head_was_asked(answers: Answers) -> None:
    _, emulator, _ = answers
    assert {each.method for each in emulator.requests} == {"GET", "HEAD"}


def test_neither_names_nor_scripts_are_in_them(answers: Answers) -> None:
    folder, emulator, _ = answers
    text = "".join(path.read_text() for path in folder.iterdir()).lower()
    scenario = emulator.scenario
    for name in (
        scenario.subscription,
        scenario.template,
        scenario.group,
        scenario.staging_group,
        scenario.storage_account,
    ):
        assert name.lower() not in text
    scripts = [line.lower() for step in scenario.steps for line in step.template.get("inline", ()) if len(line) > 8]
    assert scripts
    assert not any(line in text for line in scripts)
    assert "azurevmimagebuilder" not in text  # a tag's value


def test_what_nobody_has_documented_is_in_them(answers: Answers) -> None:
    folder, _, steps = answers
    blob = read(folder, "blob.json")
    assert blob["head"]["headers"]["x-ms-blob-type"] in ("AppendBlob", "BlockBlob")
    assert blob["unchanged"]["status"] == 304
    assert blob["at_the_end"]["status"] == 416
    assert blob["first_byte"]["status"] == 206
    sizes = [int(sample["content-length"]) for sample in read(folder, "growth.json")["samples"]]
    assert len(sizes) == 4
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]
    assert steps[-1] == "looking at the log grow, 240 of 360 s"
    content = read(folder, "container-logs.json")["body"]["content"]
    assert content["lines"] == 20
    assert set("".join(content["shape_of_the_first"])) <= set("x9[]()<>{}-_=+:;.,/\\'\"*#!?@&%$|~^` …")
    template = read(folder, "template.json")
    assert template["status"] == 200
    assert template["body"]["properties"]["lastRunStatus"]["runState"] == "Running"


async def test_a_refusal_is_an_answer_too(tmp_path: Path) -> None:
    async with FakeAzure() as azure:
        azure.fail("imageTemplates", answering(lambda: arm_error(403, "AuthorizationFailed", {"x-ms-thing": "1"})))
        await probed(azure.endpoint, TARGET.id, tmp_path)
    told = read(tmp_path, "template.json")
    assert (told["status"], told["code"], told["headers"]["x-ms-thing"]) == (403, "AuthorizationFailed", "1")


def test_headers_that_authorise_are_left_out_and_secrets_masked() -> None:
    masks = Masks()
    masks.name("mine", "<template>")
    kept = masks.headers(
        {
            "Authorization": "Bearer x",
            "Set-Cookie": "a=b",
            "WWW-Authenticate": "Bearer x",
            "x-ms-a": "https://h/?sv=1&sig=abcdefghijklmnopqrstuvwxyz0123456789%3D",
            "x-ms-b": "for mine, not for minerals, by ann@contoso.com",
            "x-ms-c": f"{TARGET.subscription} and {TARGET.subscription.upper()}",
        }
    )
    assert set(kept) == {"x-ms-a", "x-ms-b", "x-ms-c"}
    assert "abcdefghijklmnop" not in kept["x-ms-a"]
    assert kept["x-ms-b"] == "for <template>, not for minerals, by <somebody>"
    assert kept["x-ms-c"] == "<guid-1> and <guid-1>"


def test_scripts_tags_and_addresses_are_masked_wherever_they_stand() -> None:
    masked = Masks().json(
        {
            "customize": [{"type": "Shell", "inline": ["secret thing"], "scriptUri": "https://secret/x?sig=1"}],
            "tags": {"owner": "secret"},
            "Tags": {},
            "environmentVariables": [{"name": "A", "value": "secret"}],
            "restartCommand": "secret",
            "count": 5,
        }
    )
    assert "secret" not in json.dumps(masked)
    assert masked["customize"][0]["type"] == "Shell"
    assert masked["count"] == 5
