"""What all screens share: they carry the looks of every meaning, so that any widget on them can draw with them."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.reactive import reactive
from textual.screen import Screen, ScreenResultType
from textual.style import Style
from textual.widget import Widget

from aibtui.tui.drawing import MEANINGS


class WatchScreen(Screen[ScreenResultType]):
    """Every meaning of `drawing` is a component class of it; Textual looks a style up from a widget to its screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"is-{meaning}" for meaning in MEANINGS}

    focused: reactive[Widget | None] = reactive(None, repaint=False)
    """Textual's own, but for that it paints the whole screen again; the two widgets concerned do so themselves."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        # A partial style has no background in Textual 8.2 (it is blended away); pills are made of theirs.
        pill = any(name.startswith("is-pill") for name in component_classes)
        return super().get_visual_style(*component_classes, partial=partial and not pill)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if not self.stack_updates:
            event.refresh_styles = False  # every widget got its styles when it was mounted, just now
