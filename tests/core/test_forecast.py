"""When a build ends, by earlier runs; and what its time-out has to say to that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aibtui.core.build import Build, Phase, Step
from aibtui.core.forecast import Baseline, forecast, masked, step_keys
from aibtui.core.polls import Status, Template

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def build(done: int, running_for: timedelta | None = None, *, names: str = "abcd", timeout: int = 240) -> Build:
    """Four steps of ten minutes each, `done` of them over."""
    steps = []
    for index, name in enumerate(names, start=1):
        begun = START + 10 * MINUTE * (index - 1)
        if index <= done:
            steps.append(Step(index, "shell", name, state="done", started_at=begun, ended_at=begun + 10 * MINUTE))
        elif index == done + 1 and running_for is not None:
            steps.append(Step(index, "shell", name, state="running", started_at=begun))
        else:
            steps.append(Step(index, "shell", name))
    status = Status("Running", "Customizing", START, template=Template("id", "t", build_timeout=timeout * MINUTE))
    return Build(
        steps=tuple(steps), started_at=START, phases=(Phase("prepare", "done"), *Build().phases[1:]), status=status
    )


def known(*minutes: int, names: str = "abcd") -> Baseline:
    keys = step_keys([Step(index, "shell", name) for index, name in enumerate(names, start=1)])
    return Baseline(runs=len(minutes), steps=dict.fromkeys(keys, tuple(took * MINUTE for took in minutes)))


def test_without_history_there_is_no_forecast() -> None:
    assert forecast(build(1, 2 * MINUTE), Baseline(), START + 12 * MINUTE) is None


def test_before_the_plan_is_known_there_is_no_forecast() -> None:
    assert forecast(Build(), known(10), START) is None


def test_a_build_that_is_over_has_no_forecast() -> None:
    assert forecast(replace(build(4), outcome="succeeded"), known(10), START) is None


def test_the_end_is_what_the_running_step_and_the_planned_ones_still_take() -> None:
    told = forecast(build(1, 2 * MINUTE), known(10, 10, 10), START + 12 * MINUTE)
    assert told is not None
    assert told.ends_at == START + 40 * MINUTE
    assert (told.n, told.medians, told.new_steps) == (3, (10 * MINUTE,) * 4, ())
    assert told.low < told.ends_at < told.high


def test_a_step_over_its_time_still_takes_a_while() -> None:
    told = forecast(build(1, 30 * MINUTE), known(10, 10, 10), START + 40 * MINUTE)
    assert told is not None
    assert told.ends_at == START + 40 * MINUTE + 3 * MINUTE + 20 * MINUTE


def test_a_new_step_is_named_and_taken_for_a_usual_one() -> None:
    told = forecast(build(1, 2 * MINUTE, names="abxd"), known(10, 10, 10), START + 12 * MINUTE)
    assert told is not None
    assert (told.new_steps, told.medians[2]) == ((3,), None)
    assert told.ends_at == START + 40 * MINUTE


def test_more_spread_in_history_makes_a_wider_range() -> None:
    close = forecast(build(1, 2 * MINUTE), known(10, 10, 10), START + 12 * MINUTE)
    wide = forecast(build(1, 2 * MINUTE), known(4, 10, 16), START + 12 * MINUTE)
    assert close is not None
    assert wide is not None
    assert wide.high - wide.low > close.high - close.low


@pytest.mark.parametrize(("timeout", "likely"), [(240, False), (41, None), (25, True)])
def test_the_chance_of_the_time_out_follows_from_the_range(timeout: int, likely: bool | None) -> None:
    told = forecast(build(1, 2 * MINUTE, timeout=timeout), known(9, 10, 11), START + 12 * MINUTE)
    assert told is not None
    assert told.timeout_at == START + timeout * MINUTE
    assert told.timeout_chance is not None
    assert (told.timeout_chance > 0.9) is (likely is True)
    assert (told.timeout_chance < 0.1) is (likely is False)
    assert told.timeout_step == (3 if likely else None)


def test_a_chance_needs_three_runs() -> None:
    told = forecast(build(1, 2 * MINUTE), known(10, 10), START + 12 * MINUTE)
    assert told is not None
    assert told.timeout_chance is None


def test_the_advised_time_out_has_room() -> None:
    told = forecast(build(1, 2 * MINUTE), known(10, 10, 10), START + 12 * MINUTE)
    assert told is not None
    assert told.advised == 60 * MINUTE


def test_the_phases_after_packer_belong_to_the_rest() -> None:
    base = replace(known(10, 10, 10), phases={"distribute": (12 * MINUTE,), "cleanup": (MINUTE,)})
    told = forecast(build(1, 2 * MINUTE), base, START + 12 * MINUTE)
    assert told is not None
    assert told.ends_at == START + 53 * MINUTE


def test_dates_numbers_and_ids_in_names_do_not_matter() -> None:
    assert masked("t_1588703313152") == masked("t_1688703313999")
    assert masked("win11-2026-05-04") == masked("win11-2026-11-23")
    assert masked("Install-A") != masked("Install-B")


def test_steps_of_one_kind_are_told_apart_by_their_order() -> None:
    steps = [Step(1, "windows-restart"), Step(2, "powershell", "a"), Step(3, "windows-restart")]
    assert step_keys(steps) == (("windows-restart", "", 1), ("powershell", "a", 1), ("windows-restart", "", 2))
