"""What a worker hears of its coordinator, and what it makes of silence."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable

import pytest

from crawler.cluster import heartbeat
from crawler.cluster.heartbeat import Hearing, SilenceError, Speech, Word


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.005)
    monkeypatch.setattr(heartbeat, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(heartbeat, "SILENCE_SECONDS", 0.2)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_what_is_said_is_heard() -> None:
    words: list[Word] = [[0, False, False]]
    speech, hearing = Speech(words.append), Hearing(lambda: words[-1])
    with speech.open(), hearing.open():
        assert not hearing.is_stopped()
        speech.pause.set()
        wait_for(hearing.is_paused)
        speech.pause.clear()
        wait_for(lambda: not hearing.is_paused())
        speech.stop.set()
        wait_for(hearing.is_stopped)


def test_the_coordinator_speaks_on_when_once_it_cannot() -> None:
    words: list[Word] = []

    def say(word: Word) -> None:
        words.append(word)
        if len(words) == 1:
            raise OSError

    with Speech(say).open():
        wait_for(lambda: len(words) > 2)
    numbers = [word[0] for word in words]
    assert numbers == sorted(set(numbers))


def test_in_silence_no_session_begins_and_then_the_lane_is_given_up() -> None:
    hearing = Hearing(lambda: (7, False, False))  # the same word again is silence
    with contextlib.ExitStack() as opened:
        opened.enter_context(hearing.open())
        wait_for(hearing.is_paused)
        assert not hearing.is_stopped()
        with pytest.raises(SilenceError, match="no word from the coordinator"):
            wait_for(hearing.is_stopped)
        with pytest.raises(SilenceError):
            opened.close()


def test_a_lane_that_was_given_up_stays_so_when_words_come_again_while_it_ends() -> None:
    speaking, numbers, heard = threading.Event(), itertools.count(), list[int]()
    speaking.set()

    def listen() -> Word:
        if speaking.is_set():
            heard.append(next(numbers))
        return heard[-1], False, False

    hearing = Hearing(listen)

    def work() -> None:
        with hearing.open():
            speaking.clear()
            with pytest.raises(SilenceError) as silent:
                wait_for(hearing.is_stopped)
            before = len(heard)
            speaking.set()
            wait_for(lambda: len(heard) > before + 1)  # and the shared folder answers again, too
            assert hearing.is_paused()
            with pytest.raises(SilenceError):
                hearing.is_stopped()
            raise ExceptionGroup("of a lane", [silent.value])

    with pytest.raises(SilenceError, match="no word from the coordinator"):
        work()


def test_the_first_word_after_a_long_sleep_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, numbers = [0.0], itertools.count()
    monkeypatch.setattr(heartbeat, "boot_seconds", lambda: slept[0])
    hearing = Hearing(lambda: (next(numbers), False, False))
    with contextlib.ExitStack() as opened:
        opened.enter_context(hearing.open())
        assert not hearing.is_stopped()
        slept[0] = 3600
        before = next(numbers)
        wait_for(lambda: next(numbers) > before + 5)  # words are heard again before the lane has asked
        with pytest.raises(SilenceError):
            hearing.is_stopped()
        with pytest.raises(SilenceError):
            opened.close()


def test_who_never_hears_a_word_never_begins() -> None:
    def listen() -> Word:
        raise TimeoutError

    with pytest.raises(SilenceError), Hearing(listen).open():
        raise AssertionError


def test_a_worker_that_is_closing_gives_up_whatever_else_goes_wrong() -> None:
    numbers, closing = itertools.count(), threading.Event()
    hearing = Hearing(lambda: (next(numbers), False, False), closing.is_set)

    def work() -> None:
        with hearing.open():
            closing.set()
            raise ZeroDivisionError

    with pytest.raises(SilenceError, match="a worker ended, or lost its scheduler"):
        work()
