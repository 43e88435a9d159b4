"""Rules with other times than their rows have: after how long of a silence, a stall, a loop or a state they speak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from msgspec.structs import replace

from aibtui.core.rulebook import Condition, Lasting, Loop, Repeat, Rule, RuleError, Silence, Stall


def tuned(rules: Iterable[Rule], times: Mapping[str, timedelta]) -> tuple[Rule, ...]:
    """The rules, those that `times` names by id with that time. Raises RuleError for an id that no timed rule has."""
    given = tuple(rules)
    timed = {rule.id for rule in given if _tuned(rule.condition, timedelta(1)) is not None}
    if unknown := sorted(set(times) - timed):
        raise RuleError(
            f"thresholds: no rule {unknown[0]!r} waits for a time; those that do: {', '.join(sorted(timed))}"
        )
    return tuple(
        replace(rule, condition=_tuned(rule.condition, times[rule.id]) or rule.condition) if rule.id in times else rule
        for rule in given
    )


def _tuned(condition: Condition, over: timedelta) -> Condition | None:
    match condition:
        case Silence():
            return replace(condition, over=over, by_step={})
        case Stall() | Loop() | Lasting():
            return replace(condition, over=over)
        case Repeat(stages) if any(stage.over for stage in stages):  # the later ones as much later as before
            scale = over / min(stage.over for stage in stages if stage.over)
            return replace(condition, stages=tuple(replace(stage, over=stage.over * scale) for stage in stages))
        case _:
            return None
