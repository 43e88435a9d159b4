"""Copies without secrets: nothing of a secret stays, everything else does."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest

from aibtui.outputs.masking import mask_file, masked_json, masked_text

KEY = b"-----BEGIN PRIVATE KEY-----\n" + b"".join(b"MIIB%02d\n" % n for n in range(40)) + b"-----END PRIVATE KEY-----\n"


def copy(tmp_path: Path, data: bytes) -> tuple[bytes, int | None]:
    path = tmp_path / "raw"
    path.write_bytes(data)
    target = BytesIO()
    hidden = mask_file(path, target)
    return target.getvalue(), hidden


def test_what_holds_no_secret_is_copied_byte_for_byte(tmp_path: Path) -> None:
    data = b"\xff\xfea\x85b\x0c\xc3(\r\nPACKER plain\r\n\n\x1b[31mred\x1b[0m\x00end without end"
    assert copy(tmp_path, data[2:]) == (data[2:], 0)


def test_secrets_go_line_by_line_and_the_rest_stays(tmp_path: Path) -> None:
    data = b"one\npassword=hunter2-long\x1fmore\r\nPublicKeyToken=31bf3856ad364e35\ntoken: $name\nlast"
    shown, hidden = copy(tmp_path, data)
    assert hidden == 1
    assert b"hunter2" not in shown
    assert b"more" not in shown
    assert shown.startswith(b"one\npassword=[hidden]")
    assert shown.endswith(b"\r\nPublicKeyToken=31bf3856ad364e35\ntoken: $name\nlast")


@pytest.mark.parametrize("before", [0, (1 << 20) - 60, (1 << 20) - 200])
def test_a_private_key_goes_whole_though_a_block_ends_in_it(tmp_path: Path, before: int) -> None:
    lead = (b"x" * 79 + b"\n") * (before // 80)
    shown, hidden = copy(tmp_path, lead + KEY + b"after\n")
    assert hidden == 1
    assert b"MIIB" not in shown
    assert shown.startswith(lead)
    assert shown.endswith(b"[hidden]\nafter\n")
    assert shown.count(b"\n") == (lead + KEY + b"after\n").count(b"\n")


def test_a_key_that_is_only_spoken_of_hides_no_more_than_a_key_is_long(tmp_path: Path) -> None:
    shown, _ = copy(tmp_path, b"-----BEGIN PRIVATE KEY-----\n" + b"line\n" * 1000)
    assert shown.count(b"line\n") == 800


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_as_such(tmp_path: Path, encoding: str) -> None:
    text = "a line of a script\npassword=hunter2-long\nand another one\n"
    shown, hidden = copy(tmp_path, text.encode(encoding))
    assert hidden == 1
    assert shown.decode(encoding) == text.replace("hunter2-long", "[hidden]")


def test_what_is_no_text_has_no_copy(tmp_path: Path) -> None:
    assert copy(tmp_path, bytes(range(256)) * 8)[1] is None


def test_json_stays_json_and_a_key_tells_of_its_value() -> None:
    value = {
        "password": "hunter2-long",
        "inline": ["-----BEGIN PRIVATE KEY-----", "MIIB", "-----END PRIVATE KEY-----", "Set-X -token abcdef012345"],
        "env": {"name": "CLIENT", "clientSecret": "of the client", "accessToken": "$(value)"},
        "script": 'curl -H "Authorization: Bearer abcdefghijklmnop"',
        "number": 5,
        "password=in-a-key": None,
    }
    shown, hidden = masked_json(json.dumps(value).encode())
    told = json.loads(shown)
    assert (told["password"], told["env"]["clientSecret"], told["number"]) == ("[hidden]", "[hidden]", 5)
    assert told["env"]["accessToken"] == "$(value)"
    assert told["inline"][:3] == ["[hidden]", "[hidden]", "[hidden]"]
    assert b"abcdefghijklmnop" not in shown
    assert b"in-a-key" not in shown
    assert hidden == 5


def test_a_text_is_masked_as_a_file_is() -> None:
    assert masked_text(b"pwd: hunter2-long\n") == (b"pwd: [hidden]\n", 1)
