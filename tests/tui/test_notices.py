"""Bell, notifications and taskbar progress: once each, in this terminal's own way, and never with remote sequences."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from aibtui.safetext import SafeText
from aibtui.tui.notices import Notices, has_progress, notification_style
from tests.tui.builders import alert, at, ended, update

NAME = SafeText("win11")
ITERM = {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}
WEZTERM = {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}


class Terminal:
    """Keeps what was written to it."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def __call__(self, sequence: str) -> None:
        self.written.append(sequence)


def opened(environ: dict[str, str], *, bell: bool = False, notify: bool = True) -> tuple[Notices, Terminal]:
    notices, terminal = Notices(environ, bell=bell, notify=notify), Terminal()
    notices.open(terminal)
    return notices, terminal


def test_an_alert_is_said_once() -> None:
    notices, terminal = opened(ITERM)
    notices.update(NAME, update())
    for count in (1, 2, 3):
        notices.update(NAME, update(alerts=(alert(count=count),)))
    assert terminal.written == ["\x1b]9;aibtui: win11: Error: Sysprep does not finish\x1b\\"]


def test_an_alert_that_comes_back_is_said_again() -> None:
    notices, terminal = opened(ITERM)
    notices.update(NAME, update(alerts=(alert(),)))
    notices.update(NAME, update(alerts=(alert(ended_at=at(58)),)))
    notices.update(NAME, update(alerts=(alert(at=at(60)),)))
    assert len(terminal.written) == 2


@pytest.mark.parametrize("quiet", [{"severity": "info"}, {"ended_at": at(56)}])
def test_a_note_and_what_is_over_are_not_said(quiet: dict[str, object]) -> None:
    notices, terminal = opened(ITERM)
    notices.update(NAME, update(alerts=(alert(**quiet),)))
    assert terminal.written == []


def test_many_at_once_are_one_notification_of_the_worst() -> None:
    notices, terminal = opened(ITERM)
    slow = [alert(rule=f"slow-{n}", severity="warning", title=f"Slow {n}") for n in (1, 2)]
    notices.update(NAME, update(alerts=(slow[0], alert(), slow[1])))
    assert terminal.written == ["\x1b]9;aibtui: win11: Error: Sysprep does not finish (and 2 more alerts)\x1b\\"]


def test_the_end_is_said_where_it_was_seen() -> None:
    notices, terminal = opened(ITERM)
    notices.update(NAME, update())
    notices.update(NAME, ended("failed"))
    notices.update(NAME, ended("failed"))
    assert len(terminal.written) == 1
    assert "Failed after 1:11:00" in terminal.written[0]


def test_a_run_that_was_over_before_is_not_news() -> None:
    notices, terminal = opened(ITERM, bell=True)
    notices.update(NAME, replace(ended("failed"), alerts=(alert(),)))
    assert terminal.written == []


def test_the_bell_rings_where_no_notification_is_known() -> None:
    notices, terminal = opened({"TERM": "linux"}, bell=True)
    notices.update(NAME, update(alerts=(alert(),)))
    assert terminal.written == ["\x07"]


def test_nothing_is_written_where_it_is_not_wanted() -> None:
    notices, terminal = opened(WEZTERM, notify=False)
    notices.update(NAME, update(alerts=(alert(),)))
    notices.close(terminal)
    assert terminal.written == []


@pytest.mark.parametrize(
    ("environ", "style"),
    [
        ({"TERM": "xterm-kitty"}, "osc-99"),
        ({"TERM": "rxvt-unicode-256color"}, "osc-777"),
        ({"TERM": "foot"}, "osc-777"),
        ({"TERM": "xterm-256color"}, "osc-9"),
        ({"TERM": "linux"}, "none"),
        ({}, "none"),
    ],
)
def test_each_terminal_is_told_in_its_own_way(environ: dict[str, str], style: str) -> None:
    assert notification_style(environ) == style


def test_a_title_and_a_text_are_parts_of_their_own_for_kitty_and_urxvt() -> None:
    for environ, said in (
        (
            {"TERM": "xterm-kitty"},
            [
                "\x1b]99;i=aibtui:d=0:p=title;aibtui: win11\x1b\\",
                "\x1b]99;i=aibtui:d=1:p=body;Error: Sysprep does not finish\x1b\\",
            ],
        ),
        ({"TERM": "rxvt"}, ["\x1b]777;notify;aibtui: win11;Error: Sysprep does not finish\x1b\\"]),
    ):
        notices, terminal = opened(environ)
        notices.update(NAME, update(alerts=(alert(),)))
        assert terminal.written == said


@pytest.mark.parametrize("environ", [ITERM, {"TERM": "xterm-kitty"}, {"TERM": "rxvt"}, ITERM | {"TMUX": "/tmp/x"}])
def test_no_remote_text_ends_or_begins_a_sequence(environ: dict[str, str]) -> None:
    hostile = "a\x07b\x1b\\c\x9cd\x1b]52;c;Y2xpcA==\x07e\nf\u202eg;h"
    notices, terminal = opened(environ)
    notices.update(SafeText(hostile), update(alerts=(alert(title=hostile),)))
    for written in terminal.written:
        inside = written.removeprefix("\x1bPtmux;").removesuffix("\x1b\\").removesuffix("\x1b")
        for own in ("\x1b\x1b]", "\x1b\x1b\\", "\x1b]", "\x1b\\"):
            inside = inside.replace(own, "", 1)
        assert inside.isprintable()
        assert "]52;" not in written


def test_tmux_is_asked_to_hand_it_on() -> None:
    notices, terminal = opened(ITERM | {"TMUX": "/tmp/tmux-0/default,1,0"})
    notices.update(NAME, update(alerts=(alert(),)))
    assert terminal.written == ["\x1bPtmux;\x1b\x1b]9;aibtui: win11: Error: Sysprep does not finish\x1b\x1b\\\x1b\\"]


def test_the_taskbar_shows_how_far_the_steps_are_and_whether_something_is_wrong() -> None:
    notices, terminal = opened(WEZTERM)
    notices.update(NAME, update())
    notices.update(NAME, update(63))
    notices.update(NAME, update(alerts=(alert(severity="info"),)))
    assert terminal.written == ["\x1b]9;4;1;44\x1b\\"]
    notices.update(NAME, update(alerts=(alert(severity="error"),)))
    assert terminal.written[-1] == "\x1b]9;4;2;44\x1b\\"
    notices.update(NAME, ended("failed"))
    assert terminal.written[-1] == "\x1b]9;4;0;0\x1b\\"


def test_a_terminal_that_may_not_know_progress_gets_none() -> None:
    assert not has_progress({"TERM": "xterm-256color"})
    assert has_progress({"WT_SESSION": "x"})
    assert has_progress({"ConEmuANSI": "ON"})


def test_the_taskbar_is_cleared_at_the_end_and_while_put_aside() -> None:
    notices, terminal = opened(WEZTERM)
    notices.update(NAME, update())
    notices.pause()
    assert terminal.written[-1] == "\x1b]9;4;0;0\x1b\\"
    notices.resume()
    assert terminal.written[-1] == "\x1b]9;4;1;44\x1b\\"
    last = Terminal()
    notices.close(last)
    notices.close(last)
    assert last.written == ["\x1b]9;4;0;0\x1b\\"]
