"""Everything that is known of one run, collected into a bundle: from Azure, and from the recording where that has more.

It prints nothing: what it does comes out as Progress, so that a command and a screen can show it alike.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibtui.core.monitor import Monitor
from aibtui.core.polls import Poll
from aibtui.core.rulebook import Rule
from aibtui.core.status import status_from_template
from aibtui.core.updates import Update
from aibtui.outputs.bundle import Bundle
from aibtui.outputs.explain import explain
from aibtui.outputs.grab.chosen import ChosenRun, Grabbed, Progress, as_json, choose
from aibtui.outputs.grab.recorded import collect, copy
from aibtui.outputs.grab.remote import Remote
from aibtui.outputs.redaction import without_secrets
from aibtui.outputs.report import report
from aibtui.recording import Recordings, Run, RunInfo
from aibtui.recording.run import LOG
from aibtui.session import ExitCode
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access, Arm, load
from aibtui.sources.collect import who
from aibtui.sources.run_list import read_template
from aibtui.sources.target import Target
from aibtui.sources.whole import Whole, with_status

__all__ = ["Grabbed", "Progress", "grab", "grab_file"]

_CODES = {
    "forbidden": ExitCode.NO_ACCESS,
    "sign-in": ExitCode.NO_ACCESS,
    "gone": ExitCode.NOT_FOUND,
    "not-found": ExitCode.SUCCEEDED,  # a run that ended before Packer began leaves no log
}


def _now() -> datetime:
    return datetime.now(UTC)


async def grab(
    target: Target | None,
    info: RunInfo | None,
    access: Access,
    recordings: Recordings,
    rules: Iterable[Rule],
    parent: Path,
    *,
    redact: bool = True,
    now: Callable[[], datetime] = _now,
) -> AsyncGenerator[Progress, None]:
    """Collect a run into a bundle under `parent`: the recorded one of `info`, else the last one of `target`.

    Raises CannotWatch where there is neither a way to Azure nor a recording, OSError where the disk refuses,
    BundleTaken where another process is at it. Cancelling keeps what is done; the next call goes on there.
    """
    arm: Arm | None = None
    recorded: Run | None = None
    bundle: Bundle | None = None
    template: dict[str, object] | None = None
    refusal: CannotWatch | None = None
    no_log: str | None = None
    try:
        if target is not None:
            yield Progress(f"asking for the template {target.template}")
            try:
                await load()
                arm = Arm(access, target.subscription)
                template = await read_template(arm, target)
            except CannotWatch as refused:
                info = info or next(iter(recordings.of_template(target.id)), None)
                if info is None:
                    raise
                refusal = refused
        run = choose(target, info, status_from_template(template) if template is not None else None, recordings)
        recorded = recordings.load(run.info) if run.info else None
        bundle = Bundle(parent, run.id)
        bundle.about = _about(run)
        if refusal is not None:
            bundle.lacks("what Azure has", refusal.text, refusal.remedy)
            bundle.notes.append("Azure could not be asked: this is what was recorded here.")
        if template is not None:
            bundle.put("template.json", as_json(template), origin="Azure Resource Manager", original=run.template_id)
        if arm is not None and target is not None and template is not None:
            remote = Remote(arm, target, run, recorded, bundle, now())
            async for progress in remote.collect():
                yield progress
            no_log = remote.no_log
        _who(bundle, run)
        yield Progress("reading the recording")
        if recorded is not None:
            for progress in collect(bundle, recorded):
                yield progress
        else:
            bundle.lacks("status-history.json", "Nobody has watched this run here.")
        yield Progress("writing the report")
        _report(bundle, run, recorded, tuple(rules), now())
        yield Progress("packing the zip")
        archive = bundle.finish(redact=redact)
        code = refusal.exit_code if refusal else _CODES.get(no_log or "", ExitCode.UNKNOWN)
        yield Progress("done", grabbed=_grabbed(bundle, archive, 0 if bundle.has(LOG) else code))
    finally:
        if recorded is not None:
            recorded.close()
        if bundle is not None:
            bundle.close()
        if arm is not None:
            await arm.close()


async def grab_file(
    log: Path, rules: Iterable[Rule], parent: Path, *, redact: bool = True, now: Callable[[], datetime] = _now
) -> AsyncGenerator[Progress, None]:
    """Collect what a log on this machine gives: its bytes as they are now, and the report. Raises as `grab` does."""
    path = log.resolve()
    run = ChosenRun(f"{path.parent.name}-{path.stem}" if path.parent.name else path.stem, "", None)
    bundle = Bundle(parent, run.id)
    try:
        bundle.about = {**_about(run), "log": str(path)}
        bundle.notes.append("A log on this machine was watched: there is no template to ask for anything else.")
        for progress in copy(bundle, path, LOG, "this machine"):
            yield progress
        remedy = "Collect the whole run with: aibtui grab TEMPLATE -g GROUP"
        bundle.lacks("template.json", "A local log names no image template.", remedy)
        yield Progress("writing the report")
        _report(bundle, run, None, tuple(rules), now())
        yield Progress("packing the zip")
        archive = bundle.finish(redact=redact)
        yield Progress("done", grabbed=_grabbed(bundle, archive, 0))
    finally:
        bundle.close()


def _about(run: ChosenRun) -> dict[str, Any]:
    known = run.known
    return {
        "template": run.template_id,
        "run": {
            "id": run.id,
            "started_at": run.began,
            "ended_at": known.ended_at if known else None,
            "run_state": known.run_state if known else None,
            "message": known.message if known else None,
            "recorded": run.info is not None,
            "folder": None,
        },
        "started_by": None,
        "cancelled_by": None,
    }


def _who(bundle: Bundle, run: ChosenRun) -> None:
    """Who started the run and who cancelled it, by the Activity Log as far as that was had, now or earlier."""
    if not bundle.has("activity.json"):
        return
    events = json.loads((bundle.raw / "activity.json").read_bytes())
    bundle.about["started_by"] = who(events, "run/action", run.began) or who(events, "imageTemplates/write", run.began)
    bundle.about["cancelled_by"] = who(events, "cancel/action")
    if bundle.about["started_by"] is None:
        bundle.lacks("who started the run", "The Activity Log tells nothing of it; it may lag by some minutes.")


def _report(bundle: Bundle, run: ChosenRun, recorded: Run | None, rules: tuple[Rule, ...], now: datetime) -> None:
    """The diagnosis as text and JSON, and what is known of the run in short."""
    update = _judged(bundle, run, recorded, rules, now)
    shown = without_secrets(update)
    source = run.template_id or run.id
    told, told_shown = as_json({**report(update, source)}), as_json({**report(shown, source)})
    bundle.put("report.json", told, origin="aibtui", shown=told_shown)
    text, text_shown = (f"{explain(each, source)}\n".encode() for each in (update, shown))
    bundle.put("report.txt", text, origin="aibtui", shown=text_shown)
    by_template = run.known.template.source if run.known and run.known.template else None
    bundle.about["outcome"] = update.build.outcome
    bundle.about["source_image"] = _source_image(update.build.facts.source, by_template)
    bundle.put("run.json", as_json(bundle.about), origin="aibtui")


def _source_image(by_log: str | None, by_template: str | None) -> dict[str, str | None]:
    """The source image as log and template name it, and the one name that has a version."""
    exact = (name for name in (by_log, by_template) if name and not name.lower().endswith(("latest", ":")))
    return {"exact": next(exact, None), "by_log": by_log, "by_template": by_template}


def _judged(bundle: Bundle, run: ChosenRun, recorded: Run | None, rules: tuple[Rule, ...], now: datetime) -> Update:
    """The last Update, from the recording where that has the whole log, for it knows when each byte came."""
    log = bundle.raw / LOG
    size = log.stat().st_size if bundle.has(LOG) else 0
    known = run.known
    if recorded is not None and size <= recorded.size:
        polls = with_status(recorded.polls(), known if known and known.terminal else None)
    else:
        polls = Whole(log=log.read_bytes() if size else b"", status=known).polls()
    monitor = Monitor(rules)
    update: Update | None = None
    for poll in polls:
        update = monitor.feed(poll)
    return update or monitor.feed(Poll(run.began or now, status=known, ended=True))


def _grabbed(bundle: Bundle, archive: Path, exit_code: int) -> Grabbed:
    return Grabbed(
        folder=bundle.folder,
        archive=archive,
        files=len(bundle.entries),
        hidden=sum(entry.hidden for entry in bundle.entries),
        missing=tuple(f"{each.what}: {each.why} {each.remedy or ''}".rstrip() for each in bundle.missing),
        notes=tuple(bundle.notes),
        exit_code=exit_code,
    )
