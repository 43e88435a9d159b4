"""When a build ends, by earlier runs; and what its time-out has to say to that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from msgspec.structs import replace

from aibtui.core.build import Build, Phase, Step
from aibtui.core.forecast import Baseline, Forecast, Sleeping, forecast, masked, step_keys
from aibtui.core.polls import Customizer, Status, Template
from tests.bench import forecast as bench

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


def told(build: Build, baseline: Baseline, minutes: int, sleeping: Sleeping) -> Forecast:
    made = forecast(build, baseline, START + minutes * MINUTE, sleeping)
    assert made is not None
    return made


def test_what_a_step_will_sleep_by_plan_is_added_to_what_is_left() -> None:
    base = known(10, 10, 10)
    assert told(build(1, 2 * MINUTE), base, 12, Sleeping(ahead={3: 20 * MINUTE})).ends_at == START + 60 * MINUTE
    holding = Sleeping(held=5 * MINUTE, ahead={2: 15 * MINUTE})
    assert told(build(1, 2 * MINUTE), base, 17, holding).ends_at == START + 60 * MINUTE


def test_a_hold_that_every_run_had_is_expected_until_the_script_is_another_one() -> None:
    keys = step_keys(build(1).steps)
    base = replace(known(10, 10, 10), held={keys[2]: (20 * MINUTE,) * 3}, scripts={keys[2]: "b" * 12})
    usual = told(build(1, 2 * MINUTE), base, 12, Sleeping())
    assert usual.ends_at == START + 60 * MINUTE
    inline = (Customizer("Shell", inline=("true",)), Customizer("Shell", inline=("make",)))
    status = build(1).status
    assert status is not None
    assert status.template is not None
    status = replace(status, template=replace(status.template, customizers=inline))
    changed = told(replace(build(1, 2 * MINUTE), status=status), base, 12, Sleeping())
    assert (changed.changed_steps, changed.ends_at) == ((3,), START + 40 * MINUTE)


def test_a_sleep_without_an_end_lasts_until_the_time_out() -> None:
    endless = told(build(1, 2 * MINUTE), known(10, 10, 10), 12, Sleeping(ahead={2: None}))
    assert endless.timeout_at is not None
    assert endless.timeout_chance is not None
    assert (endless.ends_at > endless.timeout_at, endless.timeout_chance > 0.9) == (True, True)
    assert endless.timeout_step == 2


def test_no_time_out_is_advised_that_the_service_does_not_take() -> None:
    assert told(build(1, 2 * MINUTE), known(400, 400, 400), 12, Sleeping()).advised == 960 * MINUTE


def test_the_bench_is_within_a_tenth_of_the_remaining_time() -> None:
    assert median(off for _, off, _ in bench.errors()) < 0.1


def test_a_step_that_only_the_log_names_is_not_new_before_it_runs() -> None:
    plan = (Step(1, "file", None, hidden=True), Step(2, "file"), Step(3, "shell", "b"), Step(4, "shell", "x"))
    earlier = (replace(plan[0], name="Deprovisioning.ps1"), replace(plan[1], name="a.zip"), plan[2])
    base = Baseline(runs=1, steps=dict.fromkeys(step_keys(earlier), (10 * MINUTE,)))
    ahead = told(replace(build(0), steps=plan), base, 0, Sleeping())
    assert (ahead.new_steps, ahead.medians[:3]) == ((4,), (10 * MINUTE,) * 3)
