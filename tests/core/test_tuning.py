"""Rules with the user's own times: each kind of condition that waits, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.rulebook import Lasting, Loop, Repeat, RuleError, Silence, Stall
from aibtui.core.tuning import tuned

TIME = timedelta(minutes=47)


@pytest.mark.parametrize("kind", [Silence, Stall, Loop, Lasting])
def test_a_rule_that_waits_gets_the_time(kind: type) -> None:
    rule = next(rule for rule in built_in_rules() if isinstance(rule.condition, kind))
    (changed,) = [each for each in tuned(built_in_rules(), {rule.id: TIME}) if each.id == rule.id]
    assert changed.condition.over == TIME
    assert rule.condition.over != TIME


def test_a_repetition_keeps_the_distances_of_its_stages() -> None:
    rule = next(
        rule for rule in built_in_rules() if isinstance(rule.condition, Repeat) and rule.condition.stages[0].over
    )
    stages = rule.condition.stages
    (changed,) = [each for each in tuned(built_in_rules(), {rule.id: stages[0].over * 3}) if each.id == rule.id]
    assert [stage.over for stage in changed.condition.stages] == [stage.over * 3 for stage in stages]


def test_all_others_stay_as_they_are() -> None:
    changed = tuned(built_in_rules(), {"step-silent": TIME})
    assert [rule for rule in changed if rule.id != "step-silent"] == [
        rule for rule in built_in_rules() if rule.id != "step-silent"
    ]


@pytest.mark.parametrize("name", ["script-failed", "no-such-rule"])
def test_a_rule_that_does_not_wait_is_refused(name: str) -> None:
    with pytest.raises(RuleError, match=f"no rule '{name}' waits for a time; those that do: .*step-silent"):
        tuned(built_in_rules(), {name: TIME})
