"""What is known of the run besides its course: names, ids, the machine, the image, the service's own words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from aibtui import wording
from aibtui.core.updates import Update
from aibtui.safetext import clean
from aibtui.tui.drawing import part, wrapped
from aibtui.tui.panels.panel import Panel, padded, run_elapsed

_LABEL = 18
_RESOURCE_ID = re.compile(r"(?:/[A-Za-z0-9._()-]+)+")
_PORTALS = {"usgov": "portal.azure.us", "usdod": "portal.azure.us", "china": "portal.azure.cn"}
Fact = tuple[str, str | None]


class Run(Panel, can_focus=True, inherit_bindings=False):
    """Facts under headings; what is not known has no line. Owns how far it is scrolled."""

    HELP = """\
## Run

What is known of this run: what is built, from what, where, and what the service says in its own words.
Select with the mouse and press `Ctrl+C` to copy.
"""
    PLACE = "view"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_by(1)", "Down", id="run.down", tooltip="One line down", show=False),
        Binding("up,k", "scroll_by(-1)", "Up", id="run.up", tooltip="One line up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", id="run.page-down", tooltip="One page down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", id="run.page-up", tooltip="One page up", show=False),
        Binding("home,g", "scroll_by(-1000)", "Top", id="run.top", tooltip="To the first line", show=False),
        Binding("end,G", "scroll_by(1000)", "End", id="run.end", tooltip="To the last line", show=False),
    ]

    top: reactive[int] = reactive(0)
    """The first line that is shown."""

    def action_scroll_by(self, lines: int) -> None:
        if self.update is not None and self.now is not None:
            count = len(self._lines(self.update, self.now, self.size.width))
            self.top = max(0, min(self.top + lines, count - self.size.height))

    def action_page(self, direction: int) -> None:
        self.action_scroll_by(direction * max(1, self.size.height - 1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll_by(-3)

    def watch_update(self, update: Update | None) -> None:
        status = update.build.status if update is not None else None
        self.entitle("Run", clean(status.run_state) if status and status.run_state else "")

    def draw(self, update: Update, now: datetime, width: int, height: int) -> Content:
        lines = self._lines(update, now, width)
        top = max(0, min(self.top, len(lines) - height))
        return padded(lines[top : top + height])

    def _lines(self, update: Update, now: datetime, width: int) -> list[Content]:
        lines: list[Content] = []
        for heading, facts in _facts(self, update, now):
            known = [(label, clean(said)) for label, said in facts if said]
            if not known:
                continue
            lines += [part(""), part(heading, "name")] if lines else [part(heading, "name")]
            for label, said in known:
                for place, text in enumerate(wrapped(said, width - _LABEL - 5, 4)):
                    lines.append(part(f"  {label if place == 0 else '':<{_LABEL}} ", "dim") + part(text))
        return lines


def _facts(panel: Panel, update: Update, now: datetime) -> Iterator[tuple[str, list[Fact]]]:
    build, status = update.build, update.build.status
    template = status.template if status else None
    facts = build.facts
    took = run_elapsed(update, now)
    yield (
        "Template",
        [
            ("name", template.name if template else panel.watched),
            ("resource id", template.id if template else None),
            ("location", template.location if template else None),
            ("source", (template.source if template else None) or facts.source),
            ("VM size", (template.vm_size if template else None) or facts.vm_size),
            ("time-out", wording.duration(build.timeout) if build.timeout else None),
            ("customizes by", wording.count(len(template.customizers), "customizer") if template else None),
            ("distributes to", ", ".join(template.distributes) if template else None),
        ],
    )
    yield (
        "Run",
        [
            ("started", _time(build.run_started_at, panel.zone)),
            ("ended", _time(status.ended_at if status else None, panel.zone)),
            ("took" if update.ended else "elapsed", wording.duration(took) if took is not None else None),
            ("operation id", facts.operation_id),
            ("image name", facts.image_name),
            ("staging group", (template.staging_group if template else None) or facts.staging_group),
            ("build VM", facts.vm_name),
            ("os", build.os),
            ("Packer", facts.packer),
            ("plug-ins", ", ".join(f"{name} {version}" for name, version in facts.plugins)),
        ],
    )
    if status is not None:
        yield (
            "What the service says",
            [
                ("runState", status.run_state),
                ("runSubState", status.sub_state),
                ("message", status.message),
                ("provisioningState", status.provisioning_state),
                ("provisioningError", status.provisioning_error),
            ],
        )
    if build.message:
        yield "What Packer says", [("error", build.message)]
    yield (
        "The log",
        [
            ("read", f"{wording.count(build.lines, 'line')}, {wording.size(build.bytes)}" if build.lines else None),
            ("format", build.format),
            ("recorded in", panel.recorded),
            ("status", wording.transport_sentence(update.transport)),
            ("do", update.transport.remedy),
        ],
    )

    if template is not None and _RESOURCE_ID.fullmatch(template.id):
        yield (
            "Elsewhere",
            [
                ("portal", f"https://{_portal(template.location)}/#resource{template.id}"),
                ("Azure CLI", shlex.join(["az", "image", "builder", "show", "--ids", template.id])),
            ],
        )


def _time(at: datetime | None, zone: tzinfo | None) -> str | None:
    if at is None:
        return None
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d} {wording.clock(at, zone)} {wording.zone_name(at, zone)}"


def _portal(location: str | None) -> str:
    found = (host for prefix, host in _PORTALS.items() if (location or "").lower().startswith(prefix))
    return next(found, "portal.azure.com")
