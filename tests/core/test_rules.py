"""Every rule proves itself: its samples raise it, the others do not, and no pattern can be made slow."""

from __future__ import annotations

import time

import pytest

from aibtui.core.rulebook import Rule, RuleError, compile_rules
from aibtui.core.trial import raises
from tests.core.logs import Log
from tests.core.run import explain, rules

RULES = rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_samples_of_a_rule_raise_it_and_the_others_do_not(rule: Rule) -> None:
    assert rule.samples
    assert [sample for sample in rule.samples if not raises(rule, sample)] == []
    assert [other for other in rule.others if raises(rule, other)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_what_happened_why_it_matters_and_what_to_do(rule: Rule) -> None:
    assert len(rule.title) <= 100
    assert rule.cause.endswith(".")
    assert rule.remedy.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_hostile_text_makes_no_rule_slow(rule: Rule) -> None:
    hostile = ("Build ' errored" * 400 + "a" * 2000 + "\t" * 200) * 20
    began = time.process_time()
    for pattern in rule.patterns:
        pattern.find(hostile)
    # Linear engines need milliseconds; a backtracking one would need longer than the test run.
    assert time.process_time() - began < 2


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[rule]\n", "own.toml"),
        ('[[rule]]\nid = "x"\n', "no 'cause'"),
        ('[[rule]]\nid="x"\nseverity="fatal"\nmatch="a"\ntitle="t"\ncause="c"\nremedy="r"\n', "severity"),
        ('[[rule]]\nid="x"\nseverity="error"\nmatch="(?=a)"\ntitle="t"\ncause="c"\nremedy="r"\n', "rule 'x'"),
        (
            '[[rule]]\nid="x"\nseverity="error"\nsilence="soon"\ntitle="t"\ncause="c"\nremedy="r"\n',
            "90s, 15m or 2h",
        ),
        (
            '[[rule]]\nid="x"\nseverity="error"\nmatch="a"\nlevel=1\ntitle="t"\ncause="c"\nremedy="r"\n',
            "unknown key 'level'",
        ),
    ],
)
def test_a_broken_rule_file_is_refused_with_its_name(text: str, complaint: str) -> None:
    with pytest.raises(RuleError, match=r"own\.toml") as refused:
        compile_rules(text, "own.toml")
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "condition",
    [
        'match="a"\nsilence="5m"',
        "",
        'match="a$b"',
        'match=".*"',
        'match="(?s)a"',
        'repeat={match="a", twice=2}',
        'sequence=["a", "("]',
    ],
)
def test_a_condition_that_could_not_work_is_refused(condition: str) -> None:
    with pytest.raises(RuleError):
        compile_rules(
            f'[[rule]]\nid="x"\nseverity="error"\n{condition}\ntitle="t"\ncause="c"\nremedy="r"\n', "own.toml"
        )


def looping(minutes: float, state: str = "IMAGE_STATE_UNDEPLOYABLE") -> Log:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell().returned(0)
    log.powershell(dump=("if( TEST-PATH c:\\DeprovisioningScript.ps1 ){cat c:\\DeprovisioningScript.ps1}",))
    log.out(">>> Sysprepping VM ...")
    for _ in range(int(minutes * 12)):
        log.wait(5).out(state)
    return log


def test_a_normal_sysprep_is_no_alarm() -> None:
    log = looping(3)
    assert explain(log.data).alerts == ()


def test_a_sysprep_that_has_already_exited_is_called_within_four_minutes() -> None:
    (alert,) = explain(looping(4, "IMAGE_STATE_COMPLETE").data).alerts
    assert (alert.rule, alert.severity) == ("sysprep-loop", "error")
    assert "ended without generalising" in alert.title


@pytest.mark.parametrize(("minutes", "severity"), [(11, "warning"), (21, "error"), (180, "error")])
def test_a_sysprep_that_loops_is_called(minutes: int, severity: str) -> None:
    log = looping(minutes)
    first = log.number - minutes * 12 + 1
    (alert,) = explain(log.data).alerts
    assert (alert.rule, alert.severity, alert.line, alert.count, alert.step) == (
        "sysprep-loop",
        severity,
        first,
        minutes * 12,
        3,
    )
    assert "IMAGE_STATE_UNDEPLOYABLE" in alert.title


def test_a_loop_that_ends_well_closes_its_alert() -> None:
    log = looping(12).out("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE").returned(0).succeed()
    update = explain(log.data)
    (alert,) = update.alerts
    assert (update.build.outcome, alert.severity, alert.open) == ("succeeded", "warning", False)


def test_a_loop_that_ends_in_the_time_out_is_the_root_cause() -> None:
    log = looping(100)
    first = log.number - 1200 + 1
    cause = explain(log.cancel().data).root_cause
    assert cause is not None
    assert (cause.rule, cause.step, cause.line) == ("sysprep-loop", 3, first)
