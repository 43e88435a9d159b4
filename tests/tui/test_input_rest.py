"""The input thread sleeps until there is input, or until it is to end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from aibtui.tui.input_rest import SleepingEnd

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows wakes Textual's input thread itself")


class Input:
    """A thread that reads as Textual's does, from a pipe."""

    def __init__(self) -> None:
        self._descriptor, self._keys = os.pipe()
        os.set_blocking(self._descriptor, False)
        self.end = SleepingEnd(self._descriptor)
        self.rounds = 0
        self.heard = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def press(self) -> None:
        os.write(self._keys, b"x")

    def _run(self) -> None:
        while not self.end.is_set():
            self.rounds += 1
            try:
                if os.read(self._descriptor, 16):
                    self.heard.set()
            except BlockingIOError:
                pass


@pytest.fixture
def reading() -> Iterator[Input]:
    made = Input()
    yield made
    made.end.set()
    made.thread.join(10)


def test_a_key_wakes_it(reading: Input) -> None:
    reading.press()
    assert reading.heard.wait(10)


def test_its_end_wakes_it(reading: Input) -> None:
    reading.end.set()
    reading.thread.join(10)
    assert not reading.thread.is_alive()


def test_without_keys_it_goes_round_but_a_few_times(reading: Input) -> None:
    reading.thread.join(0.2)
    assert reading.rounds < 100


def test_the_main_thread_gets_its_answer_at_once(reading: Input) -> None:
    assert not reading.end.is_set()


def test_after_an_end_it_may_begin_again(reading: Input) -> None:
    reading.end.set()
    reading.thread.join(10)
    reading.end.clear()
    reading.thread = threading.Thread(target=reading._run)
    reading.thread.start()
    reading.press()
    assert reading.heard.wait(10)
