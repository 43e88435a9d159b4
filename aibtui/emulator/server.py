"""The emulator on the network: an aiohttp.web app on loopback in front of the emulated service."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self, cast
from urllib.parse import unquote

from aiohttp import web

from aibtui.emulator import blob_service
from aibtui.emulator.answers import Answer, Ask, blob_error
from aibtui.emulator.arm import Arm
from aibtui.emulator.clock import ScenarioClock
from aibtui.emulator.dialects import Generation
from aibtui.emulator.directory import Directory
from aibtui.emulator.faults import Fault, FaultKind, Faults, refusal, send_badly, spoiled
from aibtui.emulator.log_blob import BlobMode
from aibtui.emulator.scenario import Scenario
from aibtui.emulator.service import ACCOUNT, Service

_HOST = "127.0.0.1"


class Served(NamedTuple):
    """A request that was answered; status 0 means that the connection was cut instead."""

    method: str
    path: str
    status: int
    body_bytes: int


class Emulator:
    """A scenario, served. Use it as an async context manager; afterwards `endpoint` is `http://127.0.0.1:PORT`.

    `blob_mode` is how the log's blob is written (as the scenario has it unless given), `lag` the scenario time between
    two flushes, `appears_after` when after the run's start the blob is there (a few seconds after Packer's first line
    unless given), `moment` when after the run's start the blob is replaced or the staging group vanishes (half-way
    unless given).
    `template_deleted_after` the clock's start the template and its staging group are gone. Without `auto_run` the
    template waits for a POST to `run`. `earlier_runs` leaves that many older logs in the container, a day apart, or one
    of each scenario given, the oldest first; with `history` each template has those that its scenario tells of.
    `more_files` are further blobs of the newest run's folder, by name.

    `others` are further templates, each with its own runs and staging group; Resource Graph tells of all how they were
    `graph_lag` ago.

    Any Authorization header is accepted unchecked: this server only ever listens on loopback.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: ScenarioClock,
        *,
        generation: Generation = "g3",
        blob_mode: BlobMode | None = None,
        lag: timedelta = timedelta(seconds=5),
        appears_after: timedelta | None = None,
        moment: timedelta | None = None,
        template_deleted_after: timedelta | None = None,
        auto_run: bool = True,
        earlier_runs: int | Sequence[Scenario] = 0,
        history: bool = False,
        more_files: Mapping[str, bytes] | None = None,
        port: int = 0,
        others: Sequence[Scenario] = (),
        graph_lag: timedelta = timedelta(minutes=1),
    ) -> None:
        self.scenario = scenario
        self.clock = clock
        self.requests: list[Served] = []
        self._services = [
            Service(
                each,
                clock,
                generation=generation,
                blob_mode=blob_mode or cast(BlobMode, each.access.blob),
                lag=lag,
                appears_after=appears_after if appears_after is not None else _seconds(each.access.appears_after),
                moment=moment,
                template_deleted_after=template_deleted_after,
                auto_run=auto_run,
                earlier_runs=each.history if history else earlier_runs,
                more_files=more_files or {},
                number=number,
            )
            for number, each in enumerate((scenario, *others), 1)
        ]
        self._service = self._services[0]
        self._arms = [Arm(service) for service in self._services]
        self._arm = self._arms[0]
        self._directory = Directory(self._arms, graph_lag)
        self._faults = Faults()
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def endpoint(self) -> str:
        return self._service.endpoint

    @property
    def blob_endpoint(self) -> str:
        """The storage account's blob endpoint, as ARM names it."""
        return self._service.blob_endpoint

    @property
    def template_id(self) -> str:
        return self._arm.template_id

    @property
    def template_ids(self) -> tuple[str, ...]:
        """Those of all templates."""
        return tuple(arm.template_id for arm in self._arms)

    @property
    def subscription(self) -> str:
        return self.scenario.subscription

    @property
    def group(self) -> str:
        return self.scenario.group

    @property
    def template(self) -> str:
        return self.scenario.template

    @property
    def staging_id(self) -> str:
        """The staging group's full id."""
        return self._arm.staging_id

    @property
    def log_name(self) -> str | None:
        """The newest run's blob in `packerlogs`; None before the first run."""
        return self._service.run.log_name if self._service.run else None

    def log_bytes(self, at: datetime | None = None) -> bytes:
        """What the newest run's blob holds at this time, or now; empty where there is no blob."""
        state = self._service.log_blob(at)
        return bytes(state.data) if state else b""

    def run_status(self, at: datetime | None = None) -> dict[str, Any] | None:
        """`lastRunStatus` at this time, or now; None before the first run."""
        run = self._service.run
        return run.status(at or self.clock.now()) if run else None

    def run_ends_at(self) -> datetime | None:
        """When the newest run gets its final state, as things stand."""
        run = self._service.run
        return run.started_at + timedelta(seconds=run.states[-1].at) if run else None

    def fail_next(self, kind: FaultKind, *, matching: str | None = None, times: int = 1, **detail: Any) -> None:
        """Let the next `times` requests fail whose `METHOD /path?query` holds the pattern `matching`; see `Fault`."""
        self._faults.add(Fault(kind, re.compile(matching) if matching else None, times, **detail))

    def fail_by(self, choose: Callable[[str], Fault | None]) -> None:
        """Let `choose` give each request (`METHOD /path?query`) its fault, where no other waits for it."""
        self._faults.choose = choose

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A reader that stalls must not keep the emulator from stopping.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port).start()
        self._port = self._runner.addresses[0][1]
        for service in self._services:
            service.endpoint = f"http://{_HOST}:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        # `send_request("{endpoint}//subscriptions/...")` is a habit of clients; ARM forgives it too.
        told = await request.read() if request.method == "POST" else b""
        ask = Ask(request.method, "/" + unquote(path).lstrip("/"), request.query, request.headers, told)
        blob = ask.path.split("/")[1].lower().startswith(ACCOUNT)
        fault = self._faults.take(f"{ask.method} {ask.path}{'?' if query else ''}{query}")
        if fault is None:
            answer = self._answer(ask, blob=blob)
        elif fault.instead:
            answer = refusal(fault, blob=blob)
        else:
            answer = spoiled(fault, self._answer(ask, blob=blob))
        if fault is not None and fault.kind in ("reset", "stall", "drip"):
            served = len(self.requests)
            self.requests.append(Served(ask.method, ask.path, 0, 0))
            response, sent = await send_badly(fault, answer, request)
            status = 0 if fault.kind == "reset" and not sent else answer.status
            self.requests[served] = Served(ask.method, ask.path, status, sent)
            return response
        body = 0 if ask.method == "HEAD" or answer.status in (204, 304) else len(answer.body)
        self.requests.append(Served(ask.method, ask.path, answer.status, body))
        return web.Response(status=answer.status, headers=self._headers(answer, blob=blob), body=answer.body)

    def _answer(self, ask: Ask, *, blob: bool) -> Answer:
        if not blob:
            return self._directory.answer(ask)
        account = ask.path.split("/")[1].lower()
        known = [service for service in self._services if service.account == account]
        return blob_service.answer(known[0], ask) if known else blob_error(404, "ResourceNotFound", "No such account.")

    def _headers(self, answer: Answer, *, blob: bool) -> dict[str, str]:
        number = str(self.scenario.id(f"request-{len(self.requests)}"))
        common = {"x-ms-request-id": number, "Cache-Control": "no-cache"}
        if blob:
            common["x-ms-version"] = "2025-11-05"
        else:
            common["x-ms-ratelimit-remaining-subscription-reads"] = "249"
        return common | dict(answer.headers)


def _seconds(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
