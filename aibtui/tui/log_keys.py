"""The log's keys, as rows; from less, lnav and k9s, and where they disagree the one for reading."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

_ERRORS: Final = Binding.Group("Error", compact=True)
_STEPS: Final = Binding.Group("Step", compact=True)

FOOTER: Final = frozenset({"find", "next", "filter", "open", "copy"})
"""What matters while one reads, besides what the groups hold."""


def _key(
    keys: str,
    action: str,
    name: str,
    id: str,
    tooltip: str,
    shown: str | None = None,
    group: Binding.Group | None = None,
) -> Binding:
    """A key that the footer does not show, unless `group` or `FOOTER` says so."""
    show = group is not None or id in FOOTER
    return Binding(keys, action, name, key_display=shown, id=f"log.{id}", tooltip=tooltip, show=show, group=group)


BINDINGS: Final[list[BindingType]] = [
    _key("slash", "ask('find')", "Find", "find", "Find a pattern in the whole log", "/"),
    _key("n", "hit(1)", "Next", "next", "The next line that was found"),
    _key("N", "hit(-1)", "Before", "previous", "The line before that was found"),
    _key("ampersand", "ask('filter')", "Filter", "filter", "Show only lines with a pattern, or with ! without it", "&"),
    _key("e", "seek('error', 1)", "Error", "error", "The next error", group=_ERRORS),
    _key("E", "seek('error', -1)", "Error", "error-before", "The error before", group=_ERRORS),
    _key("left_curly_bracket", "section(-1)", "Step", "step-before", "The step before", "{", _STEPS),
    _key("right_curly_bracket", "section(1)", "Step", "step", "The next step", "}", _STEPS),
    _key("enter", "open", "Open", "open", "Fold, unfold, or show the whole line", "⏎"),
    _key("c", "copy", "Copy", "copy", "Copy the line, or what is selected"),
    _key("w", "seek('warning', 1)", "Warning", "warning", "The next warning"),
    _key("W", "seek('warning', -1)", "Warning", "warning-before", "The warning before"),
    _key("s", "seek('silence', 1)", "Silence", "gap", "The next stretch without output"),
    _key("S", "seek('silence', -1)", "Silence", "gap-before", "The stretch without output before"),
    _key("colon,ctrl+g", "ask('go to')", "Go to", "goto", "Go to a line, a time or a step", ":"),
    _key("space", "fold_or_page", "Fold", "fold", "Fold or unfold; elsewhere a page down"),
    _key("left_square_bracket", "fold_all(True)", "Fold all", "fold-all", "Fold all steps", "["),
    _key("right_square_bracket", "fold_all(False)", "Unfold all", "unfold-all", "Unfold all steps", "]"),
    _key("plus", "noise(1)", "More", "more", "Show more of the log", "+"),
    _key("minus", "noise(-1)", "Less", "less", "Show less of the log", "-"),
    _key("t", "times", "Time", "times", "Time of day, since the start, since the step, or none"),
    _key("ctrl+w", "wrap", "Wrap", "wrap", "Wrap long lines, or cut them"),
    _key("m", "bookmark", "Mark", "mark", "Mark this line, or mark it no longer"),
    _key("u", "bookmarked(1)", "Next mark", "mark-next", "The next marked line"),
    _key("U", "bookmarked(-1)", "Mark before", "mark-before", "The marked line before"),
    _key("v", "select", "Select", "select", "Select lines from here on, to copy them"),
    _key("C", "copy_bookmarked", "Copy marked", "copy-marked", "Copy the marked lines"),
    _key("escape", "back", "Clear", "back", "Clear the selection, what was found, the filter"),
    _key("up,k", "move(-1)", "Up", "up", "One line up"),
    _key("down,j", "move(1)", "Down", "down", "One line down"),
    _key("pageup,b", "page(-1)", "Page up", "page-up", "One page up"),
    _key("pagedown", "page(1)", "Page down", "page-down", "One page down"),
    _key("ctrl+u", "half_page(-1)", "Half up", "half-up", "Half a page up"),
    _key("ctrl+d", "half_page(1)", "Half down", "half-down", "Half a page down"),
    _key("home,g", "top", "Top", "top", "To the first line"),
    _key("end,G", "follow", "End", "end", "To the last line, and follow"),
    _key("left,h", "sideways(-1)", "Left", "left", "Show what is left of the cut"),
    _key("right,l", "sideways(1)", "Right", "right", "Show what is right of the cut"),
]

HELP: Final = """\
## Log

What the build prints, as it comes, by step. The times are local; `t` shows others.

- **E** and **W** mark lines that look like errors and warnings, **!** a line that an alert names, **✗** the cause.
- Scrolling up lets go of the end: nothing moves while you read. `G`, `End` or `F` follows again.
- `+` and `-` show more or less: steps only, what scripts print, Packer's words, everything. Errors, warnings and
  what alerts name are always seen. The recording always holds every line.
- `Enter` folds a step, opens repeated lines, or shows a line whole. `[` and `]` fold and unfold all steps.
- `/` finds, `n` and `N` go on; `&` shows only lines with a pattern, `&!` only those without it; `Esc` clears.
- `e` `w` `{` `}` `s` go to the next error, warning, step, silence; with shift to the one before. `r`: the cause.
- `:` goes to a line (`1200`), a time (`14:05`), a part (`50%`) or a step (`s5`).
- `m` marks a line (**◆**), `u` and `U` go from mark to mark, `C` copies the marked lines.
- `c` copies the line, or the lines selected by `v` and moving; the mouse selects and copies. Likely secrets are masked.
- `=` freezes what is shown while the recording goes on; `Ctrl+L` shows the log as text on the terminal's own screen.
"""
