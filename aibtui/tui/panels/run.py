"""What is known of the run besides its course: names, ids, the machine, the image, the service's own words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from aibtui import wording
from aibtui.core.polls import Replica, Surroundings
from aibtui.core.portal import az_command, portal_page
from aibtui.core.updates import Update
from aibtui.safetext import clean
from aibtui.tui.drawing import part, wrapped
from aibtui.tui.panels.panel import Panel, ago, padded, run_elapsed

_LABEL = 22
Fact = tuple[str, str | None]


class Run(Panel, can_focus=True, inherit_bindings=False):
    """Facts under headings; what is not known has no line. Owns how far it is scrolled."""

    HELP = """\
## Run

What is known of this run in full: what is built, from what, where, what the service says, what stands in
the staging group, and as whom it is asked.

- `o` opens the template in the portal, `O` the staging group, `y` copies the group's name.
- Select with the mouse and press `Ctrl+C` to copy.
"""
    PLACE = "view"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_by(1)", "Down", id="run.down", tooltip="One line down", show=False),
        Binding("up,k", "scroll_by(-1)", "Up", id="run.up", tooltip="One line up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", id="run.page-down", tooltip="One page down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", id="run.page-up", tooltip="One page up", show=False),
        Binding("o", "screen.portal", "Portal", id="run.portal", tooltip="Open the template in the portal"),
        Binding(
            "O",
            "screen.portal(True)",
            "Staging group",
            id="run.portal-staging",
            tooltip="Open the staging group in the portal",
        ),
        Binding("y", "screen.copy_staging", "Copy its name", id="run.staging", tooltip="Copy the staging group's name"),
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

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        lines = self._lines(update, now, width)
        top = max(0, min(self.top, len(lines) - height))
        shown = lines[top : top + height]
        if top > 0:
            shown[0] = part(f"  ↑ {top + 1} more lines", "dim")
        if top + height < len(lines):
            shown[-1] = part(f"  ↓ {len(lines) - top - height + 1} more lines", "dim")
        return padded(shown)

    def _lines(self, update: Update, now: datetime, width: int) -> list[Content]:
        lines: list[Content] = []
        for heading, facts in _facts(self, update, now):
            known = [(label, clean(said)) for label, said in facts if said]
            if not known:
                continue
            lines += [part(""), part(heading, "name")] if lines else [part(heading, "name")]
            for label, said in known:
                for place, text in enumerate(wrapped(said, width - _LABEL - 5, 4)):
                    lines.append(part(f"  {label[:_LABEL] if place == 0 else '':<{_LABEL}} ", "dim") + part(text))
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
    yield from _around(update.around, panel.zone, now)
    yield "Time-out", [*wording.timeout_facts(update, now, panel.zone).items()]
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
        "How it is seen",
        [
            ("signed in", update.around.sign_in),
            ("log", f"{wording.count(build.lines, 'line')}, {wording.size(build.bytes)}" if build.lines else None),
            ("format", build.format),
            ("recorded in", panel.recorded),
            ("status", wording.transport_sentence(update.transport)),
            ("do", update.transport.remedy),
        ],
    )

    page = portal_page(template.id, template.location) if template is not None else None
    if template is not None and page is not None:
        yield (
            "Elsewhere",
            [
                ("portal", page),
                ("staging group", portal_page(template.staging_group, template.location)),
                ("Azure CLI", az_command(template.id)),
            ],
        )


def _around(around: Surroundings, zone: tzinfo | None, now: datetime) -> Iterator[tuple[str, list[Fact]]]:
    """What stands in the staging group, by type, and the image's copies."""
    if around.resources is not None and around.listed_at is not None:
        age = ago(now, around.listed_at)
        asked = f"{wording.duration(age)} ago, at {wording.clock(around.listed_at, zone)}" if age is not None else None
        stands: list[Fact] = [(clean(each.type.rpartition("/")[2]), each.name) for each in around.resources]
        yield "In the staging group", [*(stands or [("resources", "none")]), ("asked", asked)]
    if around.replicas:
        yield "Image replicas", [(clean(each.region), _replica(each)) for each in around.replicas]


def _replica(replica: Replica) -> str:
    share = f"{replica.percent} %" if replica.percent is not None else None
    return "  ".join(filter(None, (replica.version, replica.state, share, replica.details)))


def _time(at: datetime | None, zone: tzinfo | None) -> str | None:
    if at is None:
        return None
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d} {wording.clock(at, zone)} {wording.zone_name(at, zone)}"
