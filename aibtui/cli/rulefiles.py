"""Rule files: the built-in ones and the user's own over them, by id; the user's are read again when they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aibtui.cli.later import asyncio, resources
from aibtui.cli.options import fail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aibtui.config import Config
    from aibtui.core.forecast import Baseline
    from aibtui.core.polls import Poll
    from aibtui.core.rulebook import Rule
    from aibtui.core.updates import Update


@cache
def built_in_rules() -> tuple[Rule, ...]:
    """The built-in rules."""
    from aibtui.core.rulebook import compile_rules

    tables = sorted((resources.files("aibtui.core") / "rules").iterdir(), key=lambda entry: entry.name)
    named = {table.name: table.read_text(encoding="utf-8") for table in tables if table.name.endswith(".toml")}
    return tuple(rule for name, text in named.items() for rule in compile_rules(text, name, tested=True))


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of one file. Raises RuleError with file and line, OSError where it cannot be read."""
    from aibtui.core.rulebook import RuleError, compile_rules

    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RuleError(f"{path}: it is not UTF-8 text: {error.reason} at byte {error.start}") from error
    return compile_rules(text, str(path))


def rules_over(paths: Iterable[Path], times: Mapping[str, timedelta] | None = None) -> tuple[Rule, ...]:
    """The built-in rules with those of the files laid over them, in the order given, and other times by rule id.

    Raises as `read_rules` does, and RuleError for a time of a rule that has none.
    """
    from aibtui.core.rulebook import lay_over
    from aibtui.core.tuning import tuned

    rules = built_in_rules()
    for path in paths:
        rules = lay_over(rules, read_rules(path))
    return tuned(rules, times) if times else rules


def rules_or_exit(work: Callable[[], tuple[Rule, ...]], broken: int = 2) -> tuple[Rule, ...]:
    """What `work` reads; leaves with a clear word where a file is missing (2) or broken."""
    from aibtui.core.rulebook import RuleError

    try:
        return work()
    except RuleError as error:
        fail(f"{error}.", "Mend it, and try it with: aibtui rules test FILE", broken)
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}.", "Name a file with rules, as TOML.", 2)


def chosen_rules(rule_files: Iterable[Path], config: Config) -> tuple[Rule, ...]:
    """The rules of a command: the files that it names, else those of the settings, with the settings' times."""
    paths = tuple(rule_files) or config.rules.value
    return rules_or_exit(lambda: rules_over(paths, config.thresholds.value))


class LiveRules:
    """The rules of a watch. `current` is another tuple after a file changed; a broken one leaves it as it was.

    `hold_marker` is the line that scripts print before they sleep by plan; the usual one where None. `times` are by
    rule id.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        hold_marker: str | None = None,
        times: Mapping[str, timedelta] | None = None,
    ) -> None:
        self._paths = tuple(paths)
        self._times = times
        self.hold_marker = hold_marker
        self._current: tuple[Rule, ...] | None = None
        if self._paths or times:
            self._current = rules_or_exit(lambda: rules_over(self._paths, times))

    @property
    def current(self) -> tuple[Rule, ...]:
        """The rules as they are now; the built-in ones alone wait to be compiled until they are asked for."""
        if self._current is None:
            self._current = built_in_rules()
        return self._current

    @classmethod
    def chosen(cls, rule_files: Iterable[Path], config: Config) -> LiveRules:
        """Those of a command, as `chosen_rules` has them."""
        return cls(tuple(rule_files) or config.rules.value, config.hold_marker.value, config.thresholds.value)

    def monitor(self) -> RuledMonitor:
        """A new monitor that goes over to the current rules at its next look."""
        return RuledMonitor(self)

    @asynccontextmanager
    async def reloading(self, say: Callable[[str], None]) -> AsyncIterator[None]:
        """Within it the files are read again when they change; `say` is told of it, in a sentence."""
        if not self._paths:
            yield
            return
        task = asyncio.create_task(self._reload(say))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _reload(self, say: Callable[[str], None]) -> None:
        from watchfiles import awatch

        names = {path.name for path in self._paths}
        folders = {path.absolute().parent for path in self._paths}
        with suppress(OSError, RuntimeError):  # where the system cannot tell of changes, the rules stay as they are
            async for changes in awatch(*folders, recursive=False, debounce=200, step=50):
                changed = names & {Path(path).name for _, path in changes}
                if changed:
                    say(self.read_again(", ".join(sorted(changed))))

    def read_again(self, name: str) -> str:
        """Read all files again; what came of it, in a sentence. `name` is what changed."""
        from aibtui.core.rulebook import RuleError

        try:
            self._current = rules_over(self._paths, self._times)
        except RuleError as error:
            return f"{error}. The rules stay as they were."
        except OSError as error:
            return f"{error.filename} cannot be read: {error.strerror}. The rules stay as they were."
        return f"The rules of {name} were read again; they hold from the next look on."


class RuledMonitor:
    """A Monitor whose rules may change between two looks."""

    def __init__(self, rules: LiveRules) -> None:
        from aibtui.core.monitor import Monitor

        self._rules = rules
        self._used = rules.current
        marker = rules.hold_marker
        self._monitor = Monitor(self._used, hold_marker=marker) if marker else Monitor(self._used)

    def feed(self, poll: Poll) -> Update:
        """Digest one look, by the rules as they are now."""
        if self._rules.current is not self._used:
            self._used = self._rules.current
            self._monitor.use(self._used)
        return self._monitor.feed(poll)

    def expect(self, baseline: Baseline) -> None:
        """Compare with these earlier runs from the next look on."""
        self._monitor.expect(baseline)

    def retell(self) -> None:
        """Tell everything again at the next look."""
        self._monitor.retell()
