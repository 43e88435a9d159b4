"""The one door: what comes out is harmless, readable, and the same when it goes through twice."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aibtui.safetext import (
    HIDDEN,
    LINE_LIMIT,
    NAME_LIMIT,
    SafeText,
    clean,
    clean_lines,
    mask_secrets,
    neutralise_ci,
    safe_name,
)

BUDGET = 1.0  # CPU seconds for 200 kB; a quadratic pattern needs minutes

# Any text, and text that is mostly what an attacker would write.
HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x1b\x07\x9b\x9d\x90\x9c[]P\\;?0mh \t\r\n\x00\x7f\u202e\u2066\u200b\ufeff\u2028\ud800"),
        st.characters(exclude_categories=[]),
    ),
    max_size=200,
)


@given(HOSTILE, st.sampled_from([None, 10, LINE_LIMIT]))
def test_no_control_direction_format_or_surrogate_character_survives(text: str, limit: int | None) -> None:
    assert not {unicodedata.category(char) for char in clean(text, limit)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(HOSTILE, st.sampled_from([None, 10, LINE_LIMIT]))
def test_cleaning_twice_is_cleaning_once(text: str, limit: int | None) -> None:
    once = clean(text, limit)
    assert clean(once, limit) == once


@given(HOSTILE)
def test_a_cleaned_line_is_one_line_of_limited_length(text: str) -> None:
    once = clean(text, 10)
    assert len(once) <= 10
    assert len(once.splitlines()) <= 1


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_text_that_prints_stays_as_it_is(text: str) -> None:
    assert clean(text, None) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x1b]52;c;cm0gLXJm\x07after", "after", id="clipboard, ended by BEL"),
        pytest.param("\x1b]0;title\x1b\\after", "after", id="title, ended by ST"),
        pytest.param("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "link", id="hyperlink"),
        pytest.param("\x1bPq#0;2\x1b\\after", "after", id="device control string"),
        pytest.param("\x9b2Jafter", "after", id="CSI of one byte"),
        pytest.param("\x9d0;title\x9cafter", "after", id="OSC of one byte"),
        pytest.param("\x1b(Bafter\x1bc", "after", id="character set and reset"),
        pytest.param("\x1b]never ends", "never ends", id="a sequence without an end hides nothing"),
        pytest.param("\x1b\x1b[0m[31mred", "␛[31mred", id="what is left over makes no new sequence"),
        pytest.param("a\x00b\x7fc\x85d", "a␀b␡c\\x85d", id="controls are shown"),
        pytest.param("10%\r20%\n", "10%␍20%", id="a lone return is shown, an end of line goes"),
        pytest.param("one\ntwo", "one␊two", id="no newline survives"),
        pytest.param("exe.\u202egpj", "exe.\\u202egpj", id="direction override"),
        pytest.param("pass\u200bword\U000e0041", "pass\\u200bword\\U000e0041", id="invisible characters"),
        pytest.param("\ud800", "\ufffd", id="half a surrogate pair"),
        pytest.param("a\tb", "a       b", id="a tab goes to the next stop"),
        pytest.param("naïve 漢字 ✓", "naïve 漢字 ✓", id="letters of any script"),
    ],
)
def test_what_a_terminal_would_obey_is_removed_or_shown(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert clean("x" * 100, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", []), ("one", ["one"]), ("one\ntwo\n", ["one", "two"]), ("one\r\n\r\ntwo", ["one", "", "two"])],
)
def test_lines_end_at_newlines_only(text: str, lines: list[str]) -> None:
    assert clean_lines(text) == lines


@pytest.mark.parametrize(
    "part",
    ["\x1b]", "\x9d", "\x1b[0", "\x1b[" + "0" * 1000, "\x1b ", "\u202e", "\t", "a\x1b(", "\x1bP\x1b", "漢\x00"],
)
def test_cleaning_hostile_text_takes_linear_time(part: str) -> None:
    text = part * (200_000 // len(part))
    began = time.process_time()
    clean(text, None)
    assert time.process_time() - began < BUDGET


@given(HOSTILE)
def test_a_file_name_is_of_a_closed_alphabet(text: str) -> None:
    name = safe_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name)
    assert ".." not in name
    assert not name.endswith(".")
    assert len(name) <= NAME_LIMIT
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("win11-avd_2", "win11-avd_2"),
        ("../../etc/passwd", "_._etc_passwd"),
        ("-rf", "rf"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("con", "_con"),
        ("COM1.txt", "_COM1.txt"),
        ("console", "console"),
        ("a/b\\c:d", "a_b_c_d"),
        ("x" * 200, "x" * NAME_LIMIT),
    ],
)
def test_a_file_name_is_no_path_option_or_device(text: str, name: str) -> None:
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("##vso[task.setvariable variable=PATH]x", "# #vso[task.setvariable variable=PATH]x"),
        ("in a line ##VSO[task.complete]", "in a line # #VSO[task.complete]"),
        ("###[error]x ##[group]y", "## #[error]x # #[group]y"),
        ("::add-mask::x", ": :add-mask::x"),
        ("   ::error::x", "   : :error::x"),
        ("namespace std::vector", "namespace std::vector"),
        ("## Heading", "## Heading"),
    ],
)
def test_a_runner_finds_no_command(text: str, harmless: str) -> None:
    assert neutralise_ci(clean(text)) == harmless


@given(st.text(alphabet="#:[vso \nx", max_size=60))
def test_a_runner_finds_no_command_in_any_text(text: str) -> None:
    harmless = neutralise_ci(SafeText(text))
    assert "##vso[" not in harmless
    assert "##[" not in harmless
    assert not any(line.strip().startswith("::") for line in harmless.split("\n"))


WORD = "b3fK9xQ2mZ7pL4vT"  # as random as a secret looks
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ." + WORD


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(f"?sv=2024&sig=(({WORD}%2B{WORD}%3D))&se=1", id="shared access signature"),
        pytest.param(f"AccountName=a;AccountKey=(({WORD * 5}==));EndpointSuffix=b", id="account key"),
        pytest.param(f"SharedAccessKey=(({WORD * 2}=))", id="shared access key"),
        pytest.param(f"--client-id x '((aB38Q~{WORD * 2}))'", id="client secret of Entra"),
        pytest.param(f"got (({JWT})) back", id="web token"),
        pytest.param(f"curl -H 'Authorization: Bearer (({WORD}))'", id="authorization header"),
        pytest.param("Authorization: Basic ((dXNlcjpwYXNzd29yZA==))", id="basic authorization"),
        pytest.param("((-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----))\nx", id="private key"),
        pytest.param("git clone https://me:((hunter2))@example.com/r.git", id="user of a URL"),
        pytest.param("net use x: password=((hunter2)) /y", id="key and value"),
        pytest.param(
            r"net use z: \\srv\s /user:bob ((hunter2)) /persistent:no", id="net use, password behind its user"
        ),
        pytest.param(r"net use z: \\srv\s ((hunter2)) /user:corp\bob", id="net use, password before its user"),
        pytest.param("cmdkey /add:srv /user:bob /pass:((hunter2))", id="cmdkey"),
        pytest.param("curl -sS -u bob:((hunter2)) https://a.example", id="user of curl"),
        pytest.param("Set-Up -AdminPassword ((hunter2)) -Force", id="option"),
        pytest.param('ConvertTo-SecureString -AsPlainText (("hunter2")) -Force', id="secure string"),
        pytest.param("(('hunter2')) | ConvertTo-SecureString -AsPlainText", id="secure string, piped"),
        pytest.param('{"api_key": (("a b c")), "n": 1}', id="key and value in JSON"),
        pytest.param(r"{\"password\":((\"hunter2\")),\"n\":1}", id="key and value in quoted JSON"),
        pytest.param(f"pat (({'a' * 76}AZDO{'b' * 4}))", id="token of Azure DevOps"),
        pytest.param(f"(({'a' * 76}+ASt{'b' * 6}==))", id="signed key of Azure Storage"),
        pytest.param(f"export GH=((ghp_{'a' * 36}))", id="token of GitHub"),
    ],
)
def test_a_secret_is_hidden_and_counted_once(secret: str) -> None:
    text = secret.replace("((", "").replace("))", "")
    expected = re.sub(r"(?s)\(\(.*\)\)", HIDDEN, secret)
    assert mask_secrets(text) == (expected, 1)


@pytest.mark.parametrize(
    "text",
    [
        "Password=********",
        "https://a.example/b?[REDACTED]",
        "password: $env:PASSWORD",
        "-Token=<your token>",
        r"net use z: \\srv\s /persistent:no",
        r"net use z: \\srv\s /user:bob *",
        "New-User -Password $secure -PasswordNeverExpires",
        "ConvertTo-SecureString $plain -AsPlainText -Force",
        "curl -u $USER:$TOKEN https://a.example",
        "System.Core, Culture=neutral, PublicKeyToken=b77a5c561934e089",
        " -> Secret Name          : 'packerKeyVaultSecret'",
        "reading the token\nfrom disk",
        "https://user@example.com:443/",
        "half a pair \ud800",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets(text) == (text, 0)


@given(HOSTILE)
def test_hiding_twice_hides_nothing_more(text: str) -> None:
    masked, _ = mask_secrets(f"password={text}")
    assert mask_secrets(masked) == (masked, 0)


@pytest.mark.parametrize(
    "part",
    [
        *(
            "eyJ",
            "eyJaaaaaaaa.eyJ",
            "a://b:",
            "://a:",
            "-----BEGIN PRIVATE KEY-----",
            "AZDO",
            "1Q~q~",
            "A" * 80 + "APIM",
        ),
        *(
            "ghp_",
            "github_pat_",
            "bearer ",
            "authorization: ",
            "sig=",
            "accountkey=",
            'password="',
            "A" * 1000 + "+ASt",
        ),
    ],
)
def test_hiding_in_hostile_text_takes_linear_time(part: str) -> None:
    text = part * (200_000 // len(part))
    began = time.process_time()
    mask_secrets(text)
    assert time.process_time() - began < BUDGET
