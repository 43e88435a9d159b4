"""The input thread sleeps until there is input, or until it is to end."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from aibtui.tui.input_rest import SleepingEnd

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows wakes Textual's input thread itself")


class Input:
    """A thread that reads as Textual's does, from a pipe; before its round `press_at` waits, a key is pressed."""

    def __init__(self, press_at: int = 0) -> None:
        self._descriptor, self._keys = os.pipe()
        self._press_at = press_at
        self.end = SleepingEnd(self._descriptor)
        self.rounds = 0
        self.heard, self.waited = threading.Event(), threading.Event()
        self.start()

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def press(self) -> None:
        os.write(self._keys, b"x")

    def stop(self) -> None:
        self.end.set()
        self.thread.join(10)

    def _run(self) -> None:
        while not self.end.is_set():
            self.rounds += 1
            if self.rounds == self._press_at:
                self.press()
            if select.select([self._descriptor], [], [], 0.1)[0]:
                os.read(self._descriptor, 16)
                self.heard.set()
            elif self.heard.is_set():
                self.waited.set()


@pytest.fixture
def reading() -> Iterator[Input]:
    made = Input()
    yield made
    made.stop()


def test_a_key_wakes_it(reading: Input) -> None:
    reading.press()
    assert reading.heard.wait(10)


def test_its_end_wakes_it(reading: Input) -> None:
    reading.stop()
    assert not reading.thread.is_alive()


def test_without_keys_it_goes_round_but_a_few_times(reading: Input) -> None:
    reading.thread.join(2)
    assert reading.rounds <= 11


def test_after_a_key_in_its_last_round_it_waits_on_for_what_may_belong_to_it() -> None:
    reading = Input(press_at=10)
    waited = reading.waited.wait(5)
    reading.stop()
    assert waited


def test_the_main_thread_gets_its_answer_at_once(reading: Input) -> None:
    assert not reading.end.is_set()


def test_after_an_end_it_may_begin_again(reading: Input) -> None:
    reading.stop()
    reading.end.clear()
    reading.start()
    reading.press()
    assert reading.heard.wait(10)
