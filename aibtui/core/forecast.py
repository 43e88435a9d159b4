"""When a build ends, from what earlier runs of the same kind took; and whether that is before its time-out.

A Baseline holds the durations of earlier runs, step by step. Without one there is no forecast: never a guess.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from aibtui.core.build import PHASES, Build, PhaseName, Step
from aibtui.core.durations import median_of
from aibtui.core.regex import regex

StepKey = tuple[str, str, int]

_LEAST_SPREAD = 0.05  # of a duration: two equal runs do not make the third certain
_INTERVAL = 1.2816  # standard deviations on each side of the middle 80 %
_FEW_RUNS = 0.7  # a spread that was learned from n runs is too small by about this over n
_RUNS_FOR_A_CHANCE = 3
_AFTER_STEPS: tuple[PhaseName, ...] = ("capture", "cleanup", "optimize", "validate", "distribute")
_BEFORE_STEPS: tuple[PhaseName, ...] = ("prepare", "deploy", "connect")
_LONGEST_TIMEOUT = timedelta(minutes=960)  # what buildTimeoutInMinutes takes at most
_MASKED = regex(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)


class Baseline(Struct, frozen=True):
    """What earlier good runs took. `steps` and `phases` hold one duration a run, the newest first; `runs` counts runs.

    A step's durations are without what it slept by plan; that is in `held`. `silences` are the longest stretches
    without output that a step has survived. `scripts` has the newest known fingerprint of what a step runs.
    """

    runs: int = 0
    steps: Mapping[StepKey, tuple[timedelta, ...]] = field(default_factory=dict)
    phases: Mapping[PhaseName, tuple[timedelta, ...]] = field(default_factory=dict)
    held: Mapping[StepKey, tuple[timedelta, ...]] = field(default_factory=dict)
    silences: Mapping[StepKey, tuple[timedelta, ...]] = field(default_factory=dict)
    scripts: Mapping[StepKey, str] = field(default_factory=dict)
    totals: tuple[timedelta, ...] = ()


class Sleeping(Struct, frozen=True):
    """What this run sleeps by plan: `held`, how long the running step has until now, and by step what is still `ahead`.

    None is a sleep without an end: the run's time-out is its end.
    """

    held: timedelta = timedelta()
    ahead: Mapping[int, timedelta | None] = field(default_factory=dict)


_AWAKE = Sleeping()


class Forecast(Struct, frozen=True):
    """The end of a build, as a range. `low` and `high` enclose the middle 80 %; `n` is the number of runs behind it.

    `medians` has what each step usually takes, None for a step never seen; `new_steps` are the indices of those,
    `changed_steps` of those that run another script than in the newest earlier run. `timeout_at` is when the service
    stops the run, `timeout_chance` how likely it gets there (0 to 1; None below three runs), `timeout_step` the index
    of the step that will run then. `advised` is a `buildTimeoutInMinutes` with room.
    """

    ends_at: datetime
    low: datetime
    high: datetime
    n: int
    medians: tuple[timedelta | None, ...]
    new_steps: tuple[int, ...] = ()
    changed_steps: tuple[int, ...] = ()
    timeout_at: datetime | None = None
    timeout_chance: float | None = None
    timeout_step: int | None = None
    advised: timedelta | None = None


def masked(name: str) -> str:
    """A name without its dates, numbers and ids, so that `t_1588703313152` and `t_1588703999999` are one."""
    return _MASKED.sub("#", name.lower())


def step_keys(steps: Sequence[Step]) -> tuple[StepKey, ...]:
    """What makes a step the same in another run: its type, its name with numbers masked, the how manieth of these.

    Image Builder's own two are named by the log alone, and only once they run; here they have no name.
    """
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for step in steps:
        kind = (step.type, "/aib" if step.hidden else masked(step.name or ""))
        seen[kind] += 1
        keys.append((*kind, seen[kind]))
    return tuple(keys)


def known_keys(steps: Sequence[Step], baseline: Baseline) -> tuple[StepKey, ...]:
    """The keys that the baseline may have of these steps. One that has no name yet may get it from the log: until then
    it stands for the one of its type that comes at its place."""
    ahead: dict[str, list[StepKey]] = defaultdict(list)
    for key in baseline.steps:
        if key[1] != "/aib":
            ahead[key[0]].append(key)
    keys, seen = [], Counter[str]()
    for step, key in zip(steps, step_keys(steps), strict=True):
        seen[step.type] += not step.hidden
        alike = ahead[step.type]
        unnamed = key not in baseline.steps and step.state == "planned" and not step.name and not step.hidden
        keys.append(alike[seen[step.type] - 1] if unnamed and seen[step.type] <= len(alike) else key)
    return tuple(keys)


def scripts(build: Build) -> tuple[str | None, ...]:
    """For each step a fingerprint of what it runs, by the template; None where that is not known."""
    template = build.status.template if build.status else None
    customizers = template.customizers if template else ()
    if not customizers or len(customizers) != len(build.steps) - 2:
        return (None,) * len(build.steps)
    from hashlib import sha256  # OpenSSL's, which a start without a template does not need

    told = ["\n".join((*each.inline, (each.script_uri or "").partition("?")[0])).strip() for each in customizers]
    return (None, *(sha256(each.encode()).hexdigest()[:12] if each else None for each in told), None)


class _Span(Struct, frozen=True):
    """An expected stretch of time: its middle and its variance, in seconds and seconds squared."""

    seconds: float
    variance: float


def forecast(build: Build, baseline: Baseline, now: datetime, sleeping: Sleeping = _AWAKE) -> Forecast | None:
    """The forecast at `now`, the log's own time. None without history, before the plan is known, and after the end."""
    if baseline.runs == 0 or build.outcome != "running" or not (build.steps or build.log_done):
        return None
    keys = known_keys(build.steps, baseline)
    known = [baseline.steps.get(key) for key in keys]
    medians = tuple(median_of(samples) if samples else None for samples in known)
    new = tuple(step.index for step, samples in zip(build.steps, known, strict=True) if not samples)
    before = [baseline.scripts.get(key) for key in keys]
    pairs = zip(build.steps, scripts(build), before, strict=True)
    changed = tuple(step.index for step, script, old in pairs if script and old and script != old)
    held = {
        step.index: median_of(baseline.held[key])
        for step, key in zip(build.steps, keys, strict=True)
        if key in baseline.held and step.index not in changed
    }
    left = list(_left(build, known, baseline, now, sleeping, held))
    if not left:
        return None
    seconds = sum(span.seconds for _, span in left)
    deviation = math.sqrt(sum(span.variance for _, span in left))
    middle = now + timedelta(seconds=seconds)
    reach = timedelta(seconds=_INTERVAL * (1 + _FEW_RUNS / baseline.runs) * deviation)
    told = Forecast(middle, max(now, middle - reach), middle + reach, baseline.runs, medians, new, changed)
    started = build.run_started_at
    if build.timeout is None or started is None:
        return told
    return _against_timeout(told, started, started + build.timeout, baseline, left, deviation, now)


def _against_timeout(
    told: Forecast,
    started: datetime,
    at: datetime,
    baseline: Baseline,
    left: Sequence[tuple[int | None, _Span]],
    deviation: float,
    now: datetime,
) -> Forecast:
    """The forecast with what the build's own time-out, at `at`, means for it."""
    spare = (at - told.ends_at).total_seconds()
    enough = baseline.runs >= _RUNS_FOR_A_CHANCE
    reached, step = now, None
    for index, span in left:
        reached += timedelta(seconds=span.seconds)
        if index is not None and reached >= at:
            step = index
            break
    return replace(
        told,
        timeout_at=at,
        timeout_chance=0.5 * math.erfc(spare / (max(deviation, 1.0) * math.sqrt(2))) if enough else None,
        timeout_step=step,
        advised=_advised(baseline, told.ends_at - started),
    )


def _advised(baseline: Baseline, needed: timedelta) -> timedelta:
    """The longest total seen or expected, a quarter on top, in quarters of an hour."""
    longest = max([needed, *baseline.totals])
    quarter = timedelta(minutes=15)
    return min(-(-(longest * 1.25) // quarter) * quarter, _LONGEST_TIMEOUT)


def _left(
    build: Build,
    known: Sequence[tuple[timedelta, ...] | None],
    baseline: Baseline,
    now: datetime,
    sleeping: Sleeping,
    held: Mapping[int, timedelta],
) -> list[tuple[int | None, _Span]]:
    """What is still to come, in order: (step index, or None for a phase; how long).

    `held` is how long a step usually sleeps by plan; a plan that is known for this run counts in its place.
    """
    spans: list[tuple[int | None, _Span]] = []
    states = {phase.name: phase for phase in build.phases}
    for name in _BEFORE_STEPS:
        spans += _phase_left(build, baseline, name, now)
    usual = [sample for samples in known if samples for sample in samples]
    fallback = (median_of(usual),) if usual else ()
    for step, samples in zip(build.steps, known, strict=True):
        usual_sleep = held.get(step.index, timedelta())
        if step.state == "planned":
            spans.append((step.index, _whole(samples or fallback)))
        elif step.state == "running" and step.started_at:
            usual_sleep = max(usual_sleep - sleeping.held, timedelta())
            spans.append((step.index, _rest(samples or fallback, now - step.started_at - sleeping.held)))
        else:
            continue
        sleep = sleeping.ahead.get(step.index, usual_sleep)
        if sleep is None:  # until somebody ends it, or the time-out
            limit = build.run_started_at + build.timeout if build.run_started_at and build.timeout else now
            sleep = max(limit - now, timedelta())
        spans.append((step.index, _Span(sleep.total_seconds(), 0.0)))
    for name in _AFTER_STEPS:
        if states[name].state in ("planned", "running"):
            spans += _phase_left(build, baseline, name, now)
    return spans


def _phase_left(build: Build, baseline: Baseline, name: PhaseName, now: datetime) -> list[tuple[int | None, _Span]]:
    phase = build.phases[PHASES.index(name)]
    samples = baseline.phases.get(name, ())
    if not samples or phase.state not in ("planned", "running"):
        return []
    if phase.state == "running" and phase.started_at:
        return [(None, _rest(samples, now - phase.started_at))]
    return [(None, _whole(samples))]


def _whole(samples: Sequence[timedelta]) -> _Span:
    if not samples:
        return _Span(0.0, 0.0)
    seconds = [sample.total_seconds() for sample in samples]
    middle = median_of(samples).total_seconds()
    spread = sum((value - middle) ** 2 for value in seconds) / max(1, len(seconds) - 1)
    return _Span(middle, max(spread, (_LEAST_SPREAD * middle) ** 2))


def _rest(samples: Sequence[timedelta], spent: timedelta) -> _Span:
    """What is left of a stretch that has lasted `spent`: by the runs that took longer, else a tenth of what it took."""
    longer = [sample - spent for sample in samples if sample > spent]
    whole = _whole(samples)
    if longer:
        left = _whole(longer)
        ahead = whole.seconds - spent.total_seconds()
        return _Span(ahead if ahead > 0 else left.seconds, max(left.variance, whole.variance))
    over = max(spent.total_seconds() * 0.1, 1.0) if samples else 0.0
    return _Span(over, max(whole.variance, over**2))
