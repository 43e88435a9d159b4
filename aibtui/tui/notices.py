"""What reaches somebody who does not look: the bell, the terminal's notifications, its taskbar progress.

Everything is said once. Text is cleaned before it goes into a sequence, so that nothing in it can end the sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

from aibtui import wording
from aibtui.core.hold_calls import HoldCalls
from aibtui.core.updates import Alert, Severity, Update
from aibtui.safetext import SafeText, clean, mask_secrets

Style = Literal["osc-9", "osc-99", "osc-777", "none"]

ESCAPE: Final = "\x1b"
BELL: Final = "\x07"
END: Final = f"{ESCAPE}\\"
_LONGEST: Final = 200
_LOUD: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "error": 2}
_CLEAR: Final = "4;0;0"
_PROGRESS_OF: Final = {"running": 1, "bad": 2, "unknown": 3, "warned": 4}


class Notices:
    """Says of each build what opened as a warning or an error, and how it ended; keeps what it has said.

    Nothing is said before `open`, nor by a build that was over when it was first looked at. `environ` tells which
    terminal this is. Without `holds` nobody is called when a script sleeps by plan.
    """

    def __init__(self, environ: Mapping[str, str], *, bell: bool, notify: bool, holds: bool = True) -> None:
        self._bell = bell
        self._holds = holds
        self._calls: dict[str, HoldCalls] = {}
        self._style: Style = notification_style(environ) if notify else "none"
        self._progress = notify and has_progress(environ)
        self._tmux = bool(environ.get("TMUX"))
        self._write: Callable[[str], None] | None = None
        self._said: set[tuple[str, str, datetime]] = set()
        self._latest: dict[str, Update] = {}
        self._drawn: str | None = None

    def open(self, write: Callable[[str], None]) -> None:
        """From now on `write` takes what goes to the terminal."""
        self._write = write

    def update(self, name: SafeText, update: Update) -> None:
        """Take the newest Update of a build; say what is new and loud in it."""
        before = self._latest.get(name)
        self._latest[name] = update
        if before is not None or not update.ended:
            self._say_alerts(name, update)
        call = self._calls.setdefault(name, HoldCalls()).due(update) if self._holds else None
        if call is not None:
            self._say(name, wording.hold_call(call))
        if update.ended and before is not None and not before.ended:
            self._say(name, wording.outcome_sentence(update))
        self._draw_progress()

    def pause(self) -> None:
        """The program is put aside: its taskbar progress goes."""
        if self._drawn is not None and self._write is not None:
            self._write(self._osc(f"9;{_CLEAR}"))
        self._drawn = None

    def resume(self) -> None:
        """It is back."""
        self._draw_progress()

    def close(self, write: Callable[[str], None]) -> None:
        """The screen is gone, by whatever way: nothing of ours may stay in the taskbar."""
        if self._drawn is not None:
            write(self._osc(f"9;{_CLEAR}"))
        self._drawn = None
        self._write = None

    def _say_alerts(self, name: SafeText, update: Update) -> None:
        new = [alert for alert in update.alerts if alert.open and _LOUD[alert.severity] and self._is_new(name, alert)]
        if not new:
            return
        worst = max(new, key=lambda alert: _LOUD[alert.severity])
        more = f" (and {wording.count(len(new) - 1, 'more alert')})" if len(new) > 1 else ""
        self._say(name, f"{wording.SEVERITIES[worst.severity]}: {worst.title}{more}")

    def _is_new(self, name: str, alert: Alert) -> bool:
        key = (name, alert.rule, alert.at)
        if key in self._said:
            return False
        self._said.add(key)
        return True

    def _say(self, name: SafeText, said: str) -> None:
        if self._write is None:
            return
        if self._bell:
            self._write(BELL)
        title, text = clean(f"aibtui: {name}", _LONGEST), clean(mask_secrets(said)[0], _LONGEST)
        match self._style:
            case "osc-9":
                self._write(self._osc(f"9;{title}: {text}"))
            case "osc-777":
                self._write(self._osc(f"777;notify;{title.replace(';', ',')};{text.replace(';', ',')}"))
            case "osc-99":
                self._write(self._osc(f"99;i=aibtui:d=0:p=title;{title}"))
                self._write(self._osc(f"99;i=aibtui:d=1:p=body;{text}"))
            case "none":
                pass

    def _draw_progress(self) -> None:
        if not self._progress or self._write is None:
            return
        drawn = progress(self._latest.values())
        if drawn != self._drawn:
            self._drawn = drawn
            self._write(self._osc(f"9;{drawn}"))

    def _osc(self, body: str) -> str:
        sequence = f"{ESCAPE}]{body}{END}"
        if self._tmux:
            doubled = sequence.replace(ESCAPE, ESCAPE * 2)
            return f"{ESCAPE}Ptmux;{doubled}{END}"
        return sequence


def notification_style(environ: Mapping[str, str]) -> Style:
    """Which sequence this terminal takes for a notification; one alone, since some take several and show each.

    kitty documents OSC 99, urxvt and foot OSC 777; OSC 9 is iTerm2's, which most others took over. The Linux console
    prints what it does not know, so it gets none.
    """
    terminal, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if terminal in ("linux", "dumb", ""):
        return "none"
    if terminal == "xterm-kitty" or environ.get("KITTY_WINDOW_ID"):
        return "osc-99"
    if terminal.startswith(("rxvt", "foot")) or program == "vscode":
        return "osc-777"
    return "osc-9"


def has_progress(environ: Mapping[str, str]) -> bool:
    """Whether the terminal knows OSC 9;4; one that does not may show it as a notification. After cargo's list."""
    return bool(
        environ.get("WT_SESSION")
        or environ.get("ConEmuANSI") == "ON"
        or environ.get("TERM_PROGRAM") in ("WezTerm", "ghostty")
        or "P" in environ.get("TERM_FEATURES", "")
    )


def progress(updates: Iterable[Update]) -> str:
    """The OSC 9 body for all builds together: how far the steps are, and whether something is wrong."""
    going = [update for update in updates if not update.ended]
    if not going:
        return _CLEAR
    steps = [step for update in going for step in update.build.steps]
    over = sum(step.state in ("done", "failed", "stopped", "skipped") for step in steps)
    loud = {alert.severity for update in going for alert in update.alerts if alert.open}
    state = "bad" if "error" in loud else "warned" if "warning" in loud else "running" if steps else "unknown"
    return f"4;{_PROGRESS_OF[state]};{100 * over // len(steps) if steps else 0}"
