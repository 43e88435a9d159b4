"""The log with a prompt: what is typed there is found, filtered by, or gone to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from textual import events

from aibtui.tui.log_canvas import LogCanvas
from aibtui.tui.log_find import BadPattern, Query
from aibtui.tui.log_goto import NoPlace, line_of
from aibtui.tui.log_page import Place
from aibtui.tui.log_prompt import LogPrompt, Purpose
from aibtui.tui.log_text import LogReader


class LogFinder(LogCanvas):
    """What is typed is looked for while it is typed; Escape leaves everything as it was before."""

    def __init__(self, reader: LogReader, *, zone: tzinfo | None, id: str | None) -> None:
        super().__init__(reader, zone=zone, id=id)
        self._left: Place | None = None
        self._from = 0
        self._sought_from: int | None = None
        self._before: tuple[Query | None, Query | None, bool] = (None, None, False)
        self._wrong = ""
        self._actions: Mapping[str, str] | None = None
        self._prompt: LogPrompt | None = None  # made when something is asked for first: the first page is sooner there

    async def on_key(self, event: events.Key) -> None:
        # A binding is looked up only after the key has gone the whole way up. What is typed right behind a prompt's key
        # would come here and not to the prompt; and the way takes as long as drawing a third of the page.
        if (self._prompt is not None and self._prompt.take(event)) or (self.has_focus and await self._act(event.key)):
            event.stop()

    async def _act(self, key: str) -> bool:
        action = self._own_actions().get(key)
        return action is not None and await self.app.run_action(action, self)

    def _own_actions(self) -> Mapping[str, str]:
        """What a key does here; to look all bindings through for it takes as long as drawing another third."""
        if self._actions is None:
            bound = self.app.active_bindings.items()
            self._actions = {key: each.binding.action for key, each in bound if each.node is self}
        return self._actions

    async def action_ask(self, purpose: Purpose) -> None:
        if self._prompt is None:
            self._prompt = LogPrompt()
            await self.mount(self._prompt)
        self._left = self._page.place
        self._before = self._search.query, self._filter_query(), self._rows.filtered == "inverse"
        page = self._page.strips
        self._from = page[0][0].line if page else 0
        self._prompt.ask(purpose)
        self._room_changed()

    def on_log_prompt_typed(self, event: LogPrompt.Typed) -> None:
        event.stop()
        if event.purpose != "go to":
            self._look_for(event.purpose, event.text, event.plain)

    def on_log_prompt_done(self, event: LogPrompt.Done) -> None:
        event.stop()
        if event.purpose == "go to":
            if event.text.strip() and not self._go_to(event.text):
                return
        else:
            self._look_for(event.purpose, event.text, event.plain)
            if self._wrong:
                return
            if not event.text and self._left is not None and event.purpose == "find":
                self._page.place = self._left
        self._close_prompt()

    def on_log_prompt_left(self, event: LogPrompt.Left) -> None:
        event.stop()
        query, filter_query, inverse = self._before
        self._wrong = ""
        self._sought_from = None
        if event.purpose == "find":
            self._search.find(query, self._from)
        elif event.purpose == "filter":
            self._search.filter_by(filter_query, self._from, inverse=inverse)
        if self._left is not None:
            self._page.place = self._left
        self._close_prompt()
        self._search_on()

    def _close_prompt(self) -> None:
        self._wrong = ""
        self._left = None
        if self._prompt is not None:
            self._prompt.close()
        self.screen.set_focus(self)
        self._room_changed()
        self._moved()

    def _look_for(self, purpose: Purpose, text: str, plain: bool) -> None:
        inverse = purpose == "filter" and text.startswith("!")
        text = text[1:] if inverse else text
        self._wrong = ""
        query = None
        if text:
            try:
                query = Query(text, regex=not plain)
            except BadPattern as error:
                self._wrong = f"no regular expression: {error}; ctrl+t takes it as plain text"
                self._say()
                return
        if purpose == "find":
            if query is None or query != self._search.query:
                self._search.find(query, self._from)
            if self._left is not None and query is not None:
                self._sought_from = self._from
        else:
            self._search.filter_by(query, self._from, inverse=inverse)
        self._search_on()

    def _search_on(self) -> None:
        self._look_anew()
        self._rows_changed()
        self._catch_up()
        self._go_to_sought()

    def _go_to_sought(self) -> None:
        """While a pattern is typed, its first hit is shown as soon as it is known."""
        if self._sought_from is None:
            return
        found = self._search.first_hit(self._sought_from)
        if found is not None or not self._search.behind:
            self._sought_from = None
        if found is not None:
            self._go(found)

    def _is_awaited(self) -> bool:
        return self._sought_from is not None

    def _step(self) -> bool:
        more = super()._step()
        if self._search.found is not None and self._search.found.hits:
            self._go_to_sought()
        return more

    def _renewed(self, moved: int | None) -> None:
        super()._renewed(moved)
        self._from = 0 if moved is None else self._from + moved
        if self._sought_from is not None:
            self._sought_from = self._from
        if self._left is not None:
            self._left = self._left.moved(moved) if moved is not None else None

    def _take_in(self) -> None:
        super()._take_in()
        self._go_to_sought()

    def _say_below(self) -> None:
        prompt = self._prompt
        if prompt is None:
            return
        cursor = self._page.cursor
        said = self._wrong or self._search.said(cursor.line if cursor is not None and not self.follow else None)
        shown = prompt.display
        prompt.say(self._search.standing(), said, bad=bool(self._wrong))
        if prompt.display != shown:
            self._room_changed()

    def _room_changed(self) -> None:
        self._look_anew()
        self._page.settle()
        self._changed()

    def _filter_query(self) -> Query | None:
        return self._search.filter.query if self._search.filter is not None else None

    def _go_to(self, said: str) -> bool:
        started = self.update.build.run_started_at if self.update is not None else None
        since_start = self.times == "since start"
        try:
            line = line_of(said, self._text, self._rows, started_at=started, since_start=since_start, zone=self._zone)
        except NoPlace as error:
            self._wrong = str(error)
            self._say()
            return False
        self._go(line)
        return True
