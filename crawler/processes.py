"""What a worker process needs; what holds it and its coordinator together, whichever of them is killed."""

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterable
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

from crawler.file_limit import raise_file_limit
from crawler.own_process import claim_process
from crawler.storing.hold import Hold, keep_to

KILLED = 1
"""Exit status of a worker process whose coordinator is gone."""

_OBJECTS_PER_COLLECTION = 100_000
"""Made and not gone again, in a worker process, until the youngest are searched for cycles."""


class Flag:
    """An event that processes share. One that is killed while it looks at it leaves nothing locked."""

    def __init__(self, context: BaseContext) -> None:
        """Begin unset."""
        self._octet = context.RawValue("B", 0)

    def set(self) -> None:
        """Set it."""
        self._octet.value = 1

    def clear(self) -> None:
        """Unset it."""
        self._octet.value = 0

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return bool(self._octet.value)


def begin_process(holds: Iterable[Hold] = ()) -> None:
    """Begin a worker process of this machine: it is this program's alone, and ends with its coordinator.

    holds: of the coordinator, on the run that both change.
    """
    claim_process()
    end_with_parent()
    keep_to(holds)


def end_with_parent() -> None:
    """Have this process end as soon as the one that started it does, however that ends.

    A worker that outlives its coordinator would ask the network beside those of the next one.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(KILLED)


def prepare_process() -> None:
    """Give this process what lanes need of it: open files, and few collections of garbage."""
    raise_file_limit()
    # What a survey makes goes by itself: looking through it for cycles as often as Python does took a
    # fifth of a lookup's CPU. The rows of a few shards, and what is in flight, are no reason to look: that
    # took 15 us a session, and found two objects in a thousand sessions.
    # What it has imported stays: it need not be looked through either.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
