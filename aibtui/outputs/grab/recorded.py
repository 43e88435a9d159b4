"""What a recording has of a run: the history of its state, and the logs that Azure has no more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from aibtui.core.polls import Poll
from aibtui.outputs.bundle import Bundle
from aibtui.outputs.grab.chosen import Progress, as_json
from aibtui.recording import Run
from aibtui.recording.files import open_for_reading
from aibtui.recording.run import LOG

_LOG = re.compile(r"(customization|validation|container|devops)\.log(?:\.(\d{1,3}))?")
_PIECE = 4 << 20


def collect(bundle: Bundle, recorded: Run) -> Iterator[Progress]:
    """Put into the bundle what the recording has besides, or instead of, what came from Azure. Raises OSError."""
    origin = f"the recording {recorded.id}"
    bundle.put("status-history.json", as_json(list(history(recorded.polls()))), origin=origin)
    for path in sorted(recorded.info.path.iterdir()):
        name = _name(path.name)
        if name is None or path.is_symlink() or not path.is_file() or not path.stat().st_size:
            continue
        if bundle.has(name) and not bundle.is_from(name, origin):
            if name != LOG or _begins(bundle.raw / LOG, path):
                continue  # Azure has it, and perhaps more
            name = "customization.recorded.log"
        elif name == LOG:
            bundle.notes.append("The log is the recorded one: Azure has it no more, or did not give it.")
        yield from copy(bundle, path, name, origin)


def history(polls: Iterable[Poll]) -> Iterator[Mapping[str, object]]:
    """Every state of the run that was seen, with the time of the look."""
    before: object = None
    for poll in polls:
        status = poll.status
        if status is None:
            continue
        said = (status.run_state, status.sub_state, status.message, status.provisioning_state, status.deleted)
        if said != before:
            yield {
                "at": poll.at,
                "run_state": status.run_state,
                "sub_state": status.sub_state,
                "message": status.message,
                "provisioning_state": status.provisioning_state,
                "deleted": status.deleted,
            }
        before = said


def copy(bundle: Bundle, path: Path, name: str, origin: str) -> Iterator[Progress]:
    """Put a file of this machine into the bundle, as it is now. Raises OSError."""
    part = bundle.part(f"{origin}/{path.name}")
    total = path.stat().st_size
    try:
        with open(open_for_reading(path), "rb") as file:
            part.write(0, b"")  # what lies there may be of another log
            while data := file.read(_PIECE):
                part.write(part.size, data)
                yield Progress(f"copying {name}", part.size, total)
        bundle.take(part, name, origin=origin, original=path.name, version=None, final=False)
    finally:
        part.close()


def _name(file: str) -> str | None:
    """Our name for a log of the recording: a replaced one has its number before the suffix."""
    found = _LOG.fullmatch(file)
    if not found:
        return None
    return f"{found[1]}.replaced-{found[2]}.log" if found[2] else file


def _begins(longer: Path, shorter: Path) -> bool:
    """Whether a file begins with all of another one."""
    with open(open_for_reading(longer), "rb") as one, open(open_for_reading(shorter), "rb") as other:
        while data := other.read(_PIECE):
            if one.read(len(data)) != data:
                return False
    return True
