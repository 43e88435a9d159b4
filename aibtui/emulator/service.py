"""The emulated service: one template, its runs, and what stands in the staging group, all by the scenario's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from aibtui.emulator.clock import ScenarioClock
from aibtui.emulator.dialects import Generation
from aibtui.emulator.log_blob import BlobMode, BlobState, LogBlob
from aibtui.emulator.run import Run
from aibtui.emulator.scenario import Scenario
from aibtui.emulator.validation import tag, validation_log

ACCOUNT = "devstoreaccount"
"""Path-style endpoints and the public development key belong to this account name and a number."""
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every local emulator of storage; Microsoft publishes it."""
CONTAINER = "packerlogs"
CONTAINER_NAME = "packerizercontainer"
_BETWEEN_RUNS = timedelta(days=1)
_CONTAINER_STARTS = 45.0
_CONTAINER_STAYS = 60.0


class Service:
    """What ARM and the blob service know. See `Emulator` for the arguments."""

    def __init__(
        self,
        scenario: Scenario,
        clock: ScenarioClock,
        *,
        generation: Generation,
        blob_mode: BlobMode,
        lag: timedelta,
        appears_after: timedelta | None,
        moment: timedelta | None,
        template_deleted_after: timedelta | None,
        auto_run: bool,
        earlier_runs: int | Sequence[Scenario],
        more_files: Mapping[str, bytes],
        number: int = 1,
    ) -> None:
        self.scenario = scenario
        self.clock = clock
        self.endpoint = ""
        self.account = f"{ACCOUNT}{number}"
        self._generation = generation
        self._mode = blob_mode
        self._lag = lag.total_seconds()
        self._appears_after = None if appears_after is None else appears_after.total_seconds()
        self._moment = None if moment is None else moment.total_seconds()
        self._deleted_after = template_deleted_after
        self._blobs: dict[int, LogBlob] = {}
        self.runs: list[Run] = []
        self._more_files = more_files
        earlier = [scenario] * earlier_runs if isinstance(earlier_runs, int) else list(earlier_runs)
        for number, played in enumerate(earlier):
            self._begin(clock.start - _BETWEEN_RUNS * (len(earlier) - number), played)
        self._earlier = len(earlier)
        if auto_run:
            self._begin(clock.start)

    def _begin(self, started_at: datetime, scenario: Scenario | None = None) -> Run:
        run = Run(scenario or self.scenario, self._generation, len(self.runs), started_at)
        self._blobs[run.number] = LogBlob(run, self._mode, self._lag, self._appears_after, self._moment)
        self.runs.append(run)
        return run

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def run(self) -> Run | None:
        """The newest run, as `lastRunStatus` tells it."""
        return self.runs[-1] if self.runs else None

    def start_run(self) -> Run | None:
        """Start a run now; None while another one is under way."""
        if self.run is not None and not self.run.over(self.now):
            return None
        return self._begin(self.now)

    def cancel_run(self) -> Run | None:
        """Cancel the run under way; None if there is none."""
        if self.run is None or self.run.over(self.now):
            return None
        self.run.cancel(self.now)
        return self.run

    @property
    def template_deleted(self) -> bool:
        return self._deleted_after is not None and self.now >= self.clock.start + self._deleted_after

    @property
    def staging_gone(self) -> bool:
        """The staging group goes with the template, or, in the mode `vanish`, at its moment."""
        if self.template_deleted:
            return True
        run = self.run
        if self._mode != "vanish" or run is None or run.number < self._earlier:
            return False
        moment = self._moment
        if moment is None:
            moment = ((run.timeline.began or 0.0) + (run.timeline.ended or 0.0)) / 2
        return run.elapsed(self.now) >= moment

    @property
    def blob_endpoint(self) -> str:
        return f"{self.endpoint}/{self.account}/"

    def blobs(self) -> list[BlobState]:
        """All blobs of the container, by name; none when the staging group is gone."""
        if self.staging_gone:
            return []
        states = [state for run in self.runs if (state := self._blobs[run.number].at(self.now)) is not None]
        log = self.log_blob()
        if log is not None and self.run is not None:
            folder = f"{self.run.folder}/"
            checked = validation_log(self.run, self.run.elapsed(self.now))
            states += [replace(log, name=f"{folder}validation.log", data=checked, etag=tag(checked))] if checked else []
            states += [replace(log, name=folder + name, data=data) for name, data in self._more_files.items()]
        return sorted(states, key=lambda state: state.name)

    def log_blob(self, at: datetime | None = None) -> BlobState | None:
        """The newest run's log as a blob, at this time or now."""
        return self._blobs[self.run.number].at(at or self.now) if self.run else None

    @property
    def container_group(self) -> str:
        number = int(self.scenario.id("container").int % 10**9)
        return f"vmimagebuilder-build-container-{number}"

    @property
    def container_runs(self) -> Run | None:
        """The run whose build container is there: from shortly after the start until shortly after Packer's end."""
        run = self.run
        if run is None or self.staging_gone:
            return None
        ended = run.states[-1].at if run.canceled_at else run.timeline.ended
        until = (run.states[-1].at if ended is None else ended) + _CONTAINER_STAYS
        return run if _CONTAINER_STARTS <= run.elapsed(self.now) < until else None
