"""What holds worker processes and their coordinator together, whichever of them is killed."""

import multiprocessing
import os
import threading
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

KILLED = 1
"""Exit status of a worker process whose coordinator is gone."""


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
