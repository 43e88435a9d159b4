"""One scan of many lines finds what reading line by line finds: every rule, every row, at any chunk size."""

from __future__ import annotations

import random
import re

import pytest
import re2
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aibtui.core import arm_error, cause, packer
from aibtui.core.digits import NOTHING, ZEROS, blind
from aibtui.core.events import Event
from aibtui.core.holds import MARKER, without_holds
from aibtui.core.interest import Interests
from aibtui.core.lines import Block, Lines, parse_line
from aibtui.core.pattern import Pattern, check
from aibtui.core.rulebook import LOG_PLACES, compile_rules
from aibtui.core.scan import Scanner
from tests.core.logs import GUID, Log
from tests.core.run import explain, rules, watch

RULES = tuple(rule for rule in without_holds(rules()) if rule.where & LOG_PLACES)
PATTERNS: tuple[Pattern, ...] = tuple({p.source: p for rule in RULES for p in rule.patterns}.values())
INTERESTS = Interests(rules(), MARKER)
SAID = sorted(
    {sample for rule in rules() for sample in (*rule.samples, *rule.others) if isinstance(sample, str)}
    | {line.rpartition("azure-arm: ")[2] for line in Log().prepare("file", "powershell").succeed().rows}
    | {"exit status: 0", "Sleep", "runtime.iso  12 MB / 90 MB  13 %", "Restarting Machine", "Killed", "a", ""}
)
Finding = tuple[int, frozenset[str], tuple[Event, ...]]


def found_by_line(data: bytes) -> list[Finding]:
    """The plain way: every line is understood, and every pattern and every row is asked."""
    findings = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        line = parse_line(raw, number)
        sources = frozenset(pattern.source for pattern in PATTERNS if pattern.find(line.text.strip()) is not None)
        events = tuple(packer.read(line))
        if sources or events:
            findings.append((number, sources, events))
    return findings


def found_by_scan(blocks: list[Block]) -> list[Finding]:
    """The fast way: one scan over the blocks, and who has a needle in a line looks at it."""
    known = {pattern.source for pattern in PATTERNS}
    findings = []
    for block in blocks:
        for candidate in INTERESTS.scanner.candidates(block):
            interest = INTERESTS.of(candidate.found)
            line = candidate.head.line(candidate.number, None, candidate.text)
            sources, events = interest.sources & known, tuple(packer.read(line, interest.rows))
            if sources or events:
                findings.append((candidate.number, frozenset(sources), events))
    return findings


def blocks_of(data: bytes, sizes: list[int]) -> list[Block]:
    lines, blocks = Lines(), []
    for size in sizes:
        blocks.append(lines.feed(data[:size]))
        data = data[size:]
    blocks += [lines.feed(data), lines.finish()]
    return [block for block in blocks if block]


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """Lines in every form, of what rules and rows look for, whole, bent, and broken where no line ends."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    heads = (
        f"[{GUID}] PACKER OUT     azure-arm: ",
        f"[{GUID}] PACKER OUT ==> azure-arm: ",
        f"[{GUID}] PACKER ERR 2026/05/04 08:02:11 packer-plugin-azure plugin: 2026/05/04 08:02:11 ",
        f"[{GUID}] PACKER 2026/05/04 08:02:11 ui: ==> azure-arm: ",
        f"[{GUID}] PACKER 2026/05/04 08:02:11 ui error: ==> azure-arm: ",
        f"[{GUID}] PACKER 2026/05/04 08:02:11 ui: ",
        f"[{GUID}] PACKER 2026/05/04 08:02:11 ui error:",
        f"[{GUID}] PACKER 2026/05/04 08:02:11 packer-provisioner-powershell plugin: ",
        f"[{GUID}] PACKER ",
        f"2026-05-04T08:02:12.12Z [{GUID}] PACKER 2026/05/04 08:02:11 ui:     azure-arm: ",
        "",
    )
    return b"".join(
        chance.choice(heads).encode() + _bent(chance.choice(SAID).encode(), chance)
        for _ in range(draw(st.integers(1, 25)))
    )


def _bent(said: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(said) + 1)
    end = chance.choice([b"\n", b"\n", b"\n", b"\r\n", b"  \n", b"\xc2\xa0\n", b""])
    insert = chance.choice(
        [b"", b"", b"", b"\n", b"\r\n", b" ", b"\xff", b"\xc3", "é".encode(), "\u017f".encode(), b"azure-arm: "]
    )
    lead = chance.choice([b"", b"", b"", b" ", b"\t", b"\x1f", b"\xc2\xa0", b"==> ", b"x"])
    if chance.random() < 0.3:
        said = re.sub(rb"\d", lambda digit: chance.choice([b"0", b"1", b"7", digit[0]]), said)
    return lead + said[:place] + insert + said[place:] + end


@settings(max_examples=150, deadline=None)
@example(b"Timeout waiting for\nWinRM.\n", [])
@example(b"Build 'azure-arm\n' errored\n", [3])
@given(logs(), st.lists(st.integers(0, 300), max_size=20))
def test_the_scan_finds_what_every_line_asked_alone_finds(data: bytes, sizes: list[int]) -> None:
    assert found_by_scan(blocks_of(data, sizes)) == found_by_line(data)


@settings(max_examples=60, deadline=None)
@given(logs())
def test_no_line_is_lost_that_may_be_a_clue_or_an_error_of_arm(data: bytes) -> None:
    needles = [needle for needle in (*cause.NEEDLES, *arm_error.NEEDLES) if needle.text[0] != "^"]
    # A needle's own blanks at its end may be those that were cut off from a line.
    sources = [source for needle in needles for source in (f"(?-i:{needle.block})", f"(?-i:{needle.text})$")]
    patterns = [Pattern(source) for source in sources]
    wanted = {
        number
        for number, raw in enumerate(data.split(b"\n"), start=1)
        if any(pattern.find(parse_line(raw, number).text.strip()) is not None for pattern in patterns)
    }
    numbers = {each.number for block in blocks_of(data, []) for each in INTERESTS.scanner.candidates(block)}
    assert wanted <= numbers


@pytest.mark.parametrize(
    ("source", "may", "sure"),
    [
        (r"error \d+", r"error \d+", r"error \d+"),
        ("exit [1-9]|gone", "exit (?:[1-9]|0)|gone", rf"exit {NOTHING}|gone"),
        (r"0x8a15[0-9a-f]{4}", r"0x0a00[0-9a-f]{4}", rf"{NOTHING}x{NOTHING}a{NOTHING}{NOTHING}[0-9a-f]{{4}}"),
        (r"a{3,7}(?P<n1>[^2])\x32", r"a{3,7}(?P<n1>[^2])(?:\x32|0)", rf"a{{3,7}}(?P<n1>{NOTHING}){NOTHING}"),
        (
            "\N{ARABIC-INDIC DIGIT THREE} of 5",
            "\N{ARABIC-INDIC DIGIT THREE} of 0",
            f"\N{ARABIC-INDIC DIGIT THREE} of {NOTHING}",
        ),
        (r"\Qa.7\E[[:alpha:]]", r"a\.0[[:alpha:]]", rf"{NOTHING}[[:alpha:]]"),
    ],
)
def test_a_blind_pattern_takes_zeros_for_digits(source: str, may: str, sure: str) -> None:
    assert blind(source) == (may, sure)


@given(st.text("^-]0135789abz.,\\dwsx27", min_size=1, max_size=8))
@example("0-9")
@example("^0-9.")
@example("^ab")
@example("a0-9-z")
def test_a_class_is_blind_as_the_engine_understands_it(inner: str) -> None:
    assume("]" not in inner.removeprefix("^")[1:])
    sign, options = f"[{inner}]", re2.Options()
    options.log_errors = False
    try:
        engine = re2.compile(f"^{sign}$", options)
    except re2.error:
        return
    taken = "".join(digit for digit in "0123456789" if engine.search(digit))
    if taken in ("", "0123456789"):
        assert blind(sign) == (sign, sign)
    else:
        assert blind(sign) == (sign if "0" in taken else f"(?:{sign}|0)", NOTHING)


@settings(max_examples=60, deadline=None)
@given(logs())
def test_what_is_sure_of_a_shape_is_so_of_every_line_of_it(data: bytes) -> None:
    for pattern in PATTERNS:
        may, sure = (Pattern(source) for source in blind(pattern.source))
        for line in data.decode("utf-8", "replace").splitlines():
            shape = line.encode().translate(ZEROS).decode()
            found = pattern.find(line) is not None
            assert (sure.find(shape) is not None) <= found <= (may.find(shape) is not None)


@pytest.mark.parametrize("size", [1_000, 20_000, 10**9])
def test_a_storm_of_alarms_is_counted_to_the_last_and_told_by_its_first_lines(size: int) -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell("/aib/packerInput/script_0")
    first = log.number + 1
    for number in range(300):
        log.out(f"E: Unable to locate package contoso-{number}", error=True)
    data = log.data
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    (alert,) = [alert for alert in watch(pieces)[-1].alerts if alert.rule == "package-not-found"]
    assert (alert.count, alert.line, len(alert.evidence)) == (300, first, 20)
    assert "contoso-0" in alert.title + alert.cause


def test_a_clue_among_very_many_is_the_same_at_any_chunk_size() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell("/aib/packerInput/script_0")
    for number in range(4_000):
        log.out(f"warning: item {number} is missing, going on" if number % 7 else f"copied {number}")
    log.out("tool: error: the disk of the build is gone", error=True).returned(1).fail()
    whole = explain(log.data)
    assert whole.root_cause is not None
    assert "disk of the build is gone" in whole.root_cause.text
    for size in (30_000, 100_000):
        pieces = [log.data[place : place + size] for place in range(0, len(log.data), size)]
        many = watch(pieces)[-1]
        assert (many.root_cause, many.alerts) == (whole.root_cause, whole.alerts)


RULE = "[[rule]]\nid='x'\nseverity='error'\nmatch='{}'\ntitle='t'\ncause='c.'\nremedy='r.'\n"


@pytest.mark.parametrize("source", ["[^x]+ y", r"a\s+b", r"cost \$", r"^E: .*[^:]$", "é.b", "(?P<what>a|b)c", r"a\Wb"])
def test_a_pattern_that_the_linter_lets_through_is_found_on_its_line_alone(source: str) -> None:
    (rule,) = compile_rules(RULE.format(source), "own.toml")
    scanner = Interests([rule], MARKER).scanner
    data = b"cost\na\nb\nac\n y x\nE: a\n:\nzz y\na b\na-b cost $\n\xc3\xa9\xff\nE: ok\n\xc3\xa9\xc3\xa9b bc\n"
    plain = {
        n
        for n, raw in enumerate(data.split(b"\n"), start=1)
        if rule.patterns[0].find(parse_line(raw, n).text.strip()) is not None
    }
    assert {each.number for each in scanner.candidates(Block(data, 1)) if each.found} >= plain
    assert plain


@pytest.mark.parametrize(
    "source", [r"(?s)a.b", r"(?im)^a", r"(?s:a.b)", r"a\Cb", r"\Aab", r"ab\z", "a$b", "a|^b", "x*", ""]
)
def test_a_pattern_that_would_break_the_scan_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"line|ends"):
        check(Pattern(source))


def test_lines_that_are_no_utf_8_are_candidates_whatever_they_say() -> None:
    data = b"plain\nb\xffroken\nplain\n"
    assert [each.number for each in Scanner(cause.NEEDLES).candidates(Block(data, 1))] == [2]
