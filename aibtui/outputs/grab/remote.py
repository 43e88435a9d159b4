"""What Azure has of a run: the whole folder of its logs, its containers' output, its outputs, who started it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from aibtui.outputs.bundle import MOST_BYTES, MOST_FILES, Bundle
from aibtui.outputs.grab.chosen import ChosenRun, Progress, as_json
from aibtui.recording import Cursor, Run
from aibtui.recording.run import LOG
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Arm
from aibtui.sources.collect import activity, container_logs, fetch, patiently, run_outputs
from aibtui.sources.discovery import hinted_folder
from aibtui.sources.faults import Place, status_of, trouble_of
from aibtui.sources.run_list import RunFile, RunFolder, folder_of, folders_of
from aibtui.sources.target import Target

_FIRST = 4096  # bytes by which a folder proves to be that of a recording
_TRIES = 3
_LASTING = ("forbidden", "sign-in", "not-found", "gone")
_KINDS = {3: "gone", 4: "forbidden"}
_LAG = timedelta(hours=1)  # of the Activity Log, at most
_NO_CONTAINER = "The build's container is gone: it is there only while the build runs."

T = TypeVar("T")


class Remote:
    """Collects into `bundle`; what cannot be had is said there. `no_log` is the kind of trouble that denied the log."""

    def __init__(
        self, arm: Arm, target: Target, run: ChosenRun, recorded: Run | None, bundle: Bundle, now: datetime
    ) -> None:
        self.no_log: str | None = None
        self._arm = arm
        self._target = target
        self._run = run
        self._recorded = recorded
        self._bundle = bundle
        self._now = now

    async def collect(self) -> AsyncIterator[Progress]:
        """Fetch all of it, the logs first. Raises OSError where the disk refuses."""
        yield Progress("looking for the run's logs")
        folder = await self._find_folder()
        if folder is not None:
            for file in folder.files[:MOST_FILES]:
                async for progress in self._blob(folder, file):
                    yield progress
            if len(folder.files) > MOST_FILES:
                self._bundle.lacks("further files", f"The run's folder holds more than {MOST_FILES} of them.")
        yield Progress("asking for the container's output")
        await self._containers()
        yield Progress("asking for the run's outputs")
        await self._outputs()
        yield Progress("asking the Activity Log who started it")
        await self._activity()

    async def _find_folder(self) -> RunFolder | None:
        run, service = self._run, self._run.service
        if service is None or run.began is None:
            return None
        try:
            folders = await folders_of(self._arm, self._target, service)
        except CannotWatch as refusal:
            self.no_log = _KINDS.get(refusal.exit_code, "offline")
            self._bundle.lacks("the run's logs", refusal.text, refusal.remedy)
            return None
        folder = folder_of(folders, run.began, hinted_folder(service.message) if run.is_last else None)
        if folder is None or not (run.is_last or await self._is_recorded(folder)):
            self.no_log = "not-found"
            self._bundle.lacks("the run's logs", "There is no folder of this run in the staging group.")
            return None
        self._bundle.about["run"]["folder"] = f"{folder.account.name}/{folder.folder}"
        return folder

    async def _is_recorded(self, folder: RunFolder) -> bool:
        """Whether the folder of an older run begins with what was recorded of it."""
        log = folder.log
        if self._recorded is None or not self._recorded.size or log is None:
            return False

        async def first() -> bytes:
            async for part in fetch(self._arm, folder, log, Cursor()):
                return part.data[:_FIRST]
            return b""

        try:
            return (await patiently(self._arm, self._place_of(folder), first)) == self._recorded.read(0, _FIRST)
        except Exception as error:  # it does not count as this run's then, which the manifest says
            if status_of(error) == 401:
                self._arm.refused()
            return False

    async def _blob(self, folder: RunFolder, file: RunFile) -> AsyncIterator[Progress]:
        bundle = self._bundle
        name = bundle.name_for(file.blob, file.name)
        if bundle.held(name, file.etag) is not None:
            yield Progress(f"{name} is there already", file.size, file.size)
            return
        if any(part in ("", ".", "..") for part in file.blob.split("/")):
            bundle.lacks(name, f"Its name on Azure, {file.blob!r}, cannot be asked for.")
            return
        if bundle.size + file.size > MOST_BYTES:
            bundle.lacks(name, f"With it the bundle would be larger than {MOST_BYTES >> 30} GiB.")
            return
        part = bundle.part(f"{folder.account.name}/{file.blob}")
        try:
            for attempt in range(1, _TRIES + 1):
                yield Progress(f"downloading {name}", part.size, file.size)
                try:
                    async for piece in fetch(self._arm, folder, file, part.cursor()):
                        part.write(piece.offset, piece.data)
                        yield Progress(f"downloading {name}", part.size, max(file.size, part.size))
                except Exception as error:  # one boundary for what SDK and proxies may raise: the manifest tells it
                    if not await self._again(error, folder, name, file, last=attempt == _TRIES):
                        return
                else:
                    break
            version = file.etag if part.size == file.size else None
            origin = f"{folder.account.url}/packerlogs"
            bundle.take(part, name, origin=origin, original=file.blob, version=version, final=False)
        finally:
            part.close()

    async def _again(self, error: Exception, folder: RunFolder, name: str, file: RunFile, *, last: bool) -> bool:
        """Whether to try a download again; if not, the manifest says why. A disk that refuses is raised again."""
        if isinstance(error, OSError) and status_of(error) is None and error.errno is not None:
            raise error
        if status_of(error) == 401:
            self._arm.refused()
        trouble = trouble_of(error, self._place_of(folder))
        if not last and trouble.kind not in _LASTING:
            return True
        self._bundle.lacks(name, trouble.text, trouble.remedy)
        if file.name == LOG:
            self.no_log = trouble.kind
        return False

    async def _containers(self) -> None:
        staging, bundle = self._run.staging, self._bundle
        if staging is None:
            return
        if not self._run.is_last:
            bundle.lacks("container.log", _NO_CONTAINER)
            return
        place = Place("log", "the container's output", f"the resource group {staging.rpartition('/')[2]}", "Reader")
        logs = await self._attempt("container.log", place, lambda: container_logs(self._arm, staging))
        if logs is not None and not logs and not bundle.has("container.log"):
            bundle.lacks("container.log", _NO_CONTAINER)
        for number, log in enumerate((logs or [])[:MOST_FILES], 1):
            name = "container.log" if number == 1 else f"container-{number}.log"
            data = log.text.encode("utf-8", "surrogatepass")
            bundle.put(name, data, origin=f"{staging}/containerGroups", original=log.name, final=False)

    async def _outputs(self) -> None:
        run, target = self._run, self._target
        began, ended = run.began, run.known.ended_at if run.known else None
        if began is None:
            return
        place = Place("template", "the run outputs", f"the template {target.template}", "Reader")
        told = await self._attempt("run-outputs.json", place, lambda: run_outputs(self._arm, target, began, ended))
        if told is not None:
            self._bundle.put("run-outputs.json", as_json(told), origin=f"{target.id}/runOutputs", final=run.over)

    async def _activity(self) -> None:
        run, target, bundle = self._run, self._target, self._bundle
        began, ended = run.began, run.known.ended_at if run.known else None
        if began is None:
            return
        place = Place("template", "the Activity Log", f"the template {target.template}", "Reader")
        events = await self._attempt(
            "activity.json", place, lambda: activity(self._arm, target, began, ended, self._now)
        )
        if events is None:
            return
        settled = run.over and ended is not None and self._now - ended > _LAG
        origin = "Microsoft.Insights/eventtypes/management"
        bundle.put("activity.json", as_json(events), origin=origin, final=settled)

    async def _attempt(self, name: str, place: Place, call: Callable[[], Awaitable[T]]) -> T | None:
        """What a request brings; None where a final one is there already, or the manifest says why it is not."""
        if self._bundle.held(name) is not None:
            return None
        try:
            return await patiently(self._arm, place, call)
        except Exception as error:  # one boundary for what SDK and proxies may raise: the manifest tells it
            trouble = trouble_of(error, place)
            self._bundle.lacks(name, trouble.text, trouble.remedy)
            return None

    def _place_of(self, folder: RunFolder) -> Place:
        name = folder.account.name
        return Place(
            "log", f"the logs in the storage account {name}", f"the storage account {name}", "Storage Blob Data Reader"
        )
