"""How a worker on another machine knows that its coordinator is there, and what that wants.

The coordinator speaks again and again: a number, whether to stop, whether to pause. A worker that hears
nothing new for a while begins no session, and a little later gives up its lane: its coordinator or its
network is gone, and somebody else may soon be given the same work.
"""

import contextlib
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from crawler.storing.hold import boot_seconds, require_holds

BEAT_SECONDS = 0.5
"""How often the coordinator speaks, and a worker listens."""
PAUSE_SECONDS = 2.0
"""Without a word for so long, a worker begins no session."""
SILENCE_SECONDS = 10.0
"""Without a word for so long, a worker gives up its lane."""

Word: TypeAlias = Sequence[int]
"""A number, different each time; whether to stop; whether to pause."""


class SilenceError(Exception):
    """A worker heard nothing of the run's coordinator any more, and gave up its lane."""


class Speech:
    """Tells the workers, again and again, that the coordinator is there and what it wants."""

    def __init__(self, say: Callable[[Word], None]) -> None:
        """Take what passes a word on."""
        self._say = say
        self.stop = threading.Event()
        self.pause = threading.Event()
        self._ended = threading.Event()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Speak for the time of the block."""
        threading.Thread(target=self._speak, name="speech", daemon=True).start()
        try:
            yield
        finally:
            self._ended.set()

    def _speak(self) -> None:
        for number in itertools.count():
            # Who does not hear it gives up; and that nobody can, is seen by what becomes of the lanes.
            with contextlib.suppress(Exception):
                require_holds("the run")  # else somebody else may have it: its workers must not save either
                self._say([number, self.stop.is_set(), self.pause.is_set()])
            if self._ended.wait(BEAT_SECONDS):
                return


class Hearing:
    """Hears what the coordinator says, in a thread of its own: the lane never waits for that."""

    def __init__(self, listen: Callable[[], Word], is_closing: Callable[[], bool] = lambda: False) -> None:
        """Take what gives the last word, and what tells whether this worker is about to end."""
        self._listen = listen
        self._is_closing = is_closing
        self._word: Word = (-1, False, False)
        self._heard_at = -math.inf
        self._given_up: str | None = None
        """Why, once the lane was told to. It may take long to end: words that come meanwhile are too late."""
        self._first = threading.Event()
        self._ended = threading.Event()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Hear for the time of the block, which begins at the first word.

        Raises SilenceError, whatever the block raises, when nothing is heard at its beginning or at its end,
        or was not at some time between when the lane asked.
        """
        threading.Thread(target=self._hear, name="hearing", daemon=True).start()
        try:
            self._first.wait(SILENCE_SECONDS)
            self._require()
            try:
                yield
            finally:
                self._require()
        finally:
            self._ended.set()

    def is_stopped(self) -> bool:
        """Tell whether the lane is to end without finishing. Raises SilenceError when nothing is heard.

        Then nothing must be saved: what was seen last may be that this network is gone.
        """
        self._require()
        return bool(self._word[1])

    def is_paused(self) -> bool:
        """Tell whether no session may begin."""
        is_told_to = bool(self._word[2])
        return is_told_to or self._given_up is not None or self._silent_seconds() > PAUSE_SECONDS

    def _require(self) -> None:
        if self._given_up is None:
            self._given_up = self._reason_to_give_up()
        if self._given_up is not None:
            raise SilenceError(self._given_up)

    def _reason_to_give_up(self) -> str | None:
        if self._is_closing():
            return "a worker ended, or lost its scheduler"
        if self._silent_seconds() > SILENCE_SECONDS:
            return f"a worker had no word from the coordinator for {SILENCE_SECONDS:g} seconds"
        return None

    def _silent_seconds(self) -> float:
        return boot_seconds() - self._heard_at

    def _hear(self) -> None:
        while not self._ended.is_set():
            # Whatever it is that keeps this from hearing, it is silence.
            with contextlib.suppress(Exception):
                word = self._listen()
                if word[0] != self._word[0]:
                    # This machine may have been suspended since the word before.
                    if self._first.is_set() and self._given_up is None:
                        self._given_up = self._reason_to_give_up()
                    self._word = word
                    self._heard_at = boot_seconds()
                    self._first.set()
            self._ended.wait(BEAT_SECONDS)
