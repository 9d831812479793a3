"""One process works on a run at a time: a lock of the system, or of a run in an object store a claim.

A claim is an object of its own, renewed while its process works. Who wants the run first writes a claim and
then looks for others; of two who do so at once, the later sees the earlier's, since a store lists whatever
was written before. A claim that is not renewed is void in the end. Its process knows that by its own clock,
before anybody else does (`hold`): from then on it changes nothing any more, and stops. Only the change that
it was just asking the store for when it was suspended may still come, however late.
"""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crawler.storing.hold import HELD_SECONDS, Hold, boot_seconds, kept
from crawler.storing.object_store import ObjectPath

VOID_SECONDS = HELD_SECONDS + 30.0
"""A claim that is so old by the store's clock holds nobody up."""
_RENEW_SECONDS = 15.0
_LOOK_SECONDS = 1.0
"""Between two looks whether it is time to renew a claim, or too late."""


class LockedError(Exception):
    """Another process is working on the run, or has it now; the message says which."""


def locked(path: Path) -> contextlib.AbstractContextManager[None]:
    """Keep other processes from a run for the time of the block.

    path: of the lock; in an object store, the folder of the claims. Raises LockedError; and OSError at the
    end of the block, whatever that raises, if the claim was not renewed for too long. Then this process is
    interrupted in the block.
    """
    return _claimed(path) if isinstance(path, ObjectPath) else _locked(path)


def holder(path: Path) -> int | None:
    """Return the number of the process that has a run; None: none has. Needs no lock."""
    if isinstance(path, ObjectPath):
        return next((claim["process"] for _, claim in _standing(path, time.time())), None)
    try:
        number = int(path.read_text())
    except (OSError, ValueError):
        return None
    return number if is_alive(number) else None  # one that was killed has left its number


def is_alive(process: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError("another process is working on this run") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


# --- in an object store --------------------------------------------------------------------------------


@contextlib.contextmanager
def _claimed(claims: ObjectPath) -> Iterator[None]:
    claim = _Claim(claims / secrets.token_hex(8))
    try:
        with kept(claim.hold):
            claim.write()
            seen = [path for path, _ in claims.objects()]
            # Its own time is that of the store's clock, by which the age of the others is told.
            for path, other in _standing(claims, claim.path.stat().st_mtime):
                if path != claim.path:
                    machine = "this" if other["processes_of"] == _processes() else "another"
                    number = f"number {other['process']} of {machine} machine"
                    raise LockedError(f"another process is working on this run, {number}")
            for path in seen:
                if path != claim.path:  # void; one that came since will give way by itself
                    path.unlink(missing_ok=True)
            with claim.renewed():
                yield
    finally:
        with contextlib.suppress(OSError):  # void in the end by itself
            claim.path.unlink(missing_ok=True)
        claim.hold.require(claims.parent)


class _Claim:
    """A claim of this process."""

    def __init__(self, path: ObjectPath) -> None:
        self.path = path
        self.hold = Hold()
        self._text = json.dumps({"process": os.getpid(), "processes_of": _processes()})

    def write(self) -> None:
        now = boot_seconds()
        self.path.write_text(self._text)
        self.hold.renew(now)

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the claim while the block runs; interrupt the block when that did not work for too long."""
        over = threading.Event()
        thread = threading.Thread(target=self._renew, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(_LOOK_SECONDS):
            if self.hold.is_over():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            if self.hold.seconds() >= _RENEW_SECONDS:
                with contextlib.suppress(OSError):  # tried again until it is too late
                    self.write()


def _standing(claims: ObjectPath, now: float) -> Iterator[tuple[ObjectPath, Mapping[str, Any]]]:
    """Give each claim that is not void, and what it says."""
    for path, info in claims.objects():
        with contextlib.suppress(FileNotFoundError):  # just given up
            claim = json.loads(path.read_text())
            is_dead = claim["processes_of"] == _processes() and not is_alive(claim["process"])
            if not is_dead and now - info.mtime.timestamp() <= VOID_SECONDS:
                yield path, claim


def _processes() -> str:
    """Return what names the processes whose numbers this one can see; the same for no two machines."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
