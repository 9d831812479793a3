"""A network namespace of the tests' own, with a process in it that calls functions for them.

Real servers need ports such as 53 and addresses of their own; in a namespace they get both without touching
the machine's, and an ordinary user gets them too. Its process is the first of a PID namespace: when it ends,
the kernel ends every server that it started, however the tests ended.
"""

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn, ParamSpec, TypeVar

import pytest

ROOT = Path(__file__).parent.parent.parent
"""The checkout: where the process inside finds the crawler and the tests."""

_SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Debian keeps servers where an ordinary user's PATH does not look."""

_UNSHARE = ("--net", "--pid", "--fork", "--kill-child")
_MOUNTS = ("--mount",)
_AS_ORDINARY_USER = ("--user", "--map-root-user")
_END_SECONDS = 10.0

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class NamespaceUnavailableError(Exception):
    """This machine makes no network namespace; the message says why."""


def program(name: str) -> str:
    """Return the path of a program that is there."""
    path = shutil.which(name, path=_SEARCH_PATH)
    assert path is not None, name
    return path


def missing_programs(package_of_program: Mapping[str, str]) -> list[str]:
    """Return a phrase for each program that is not installed, naming its Debian package."""
    return [
        f"no {name} (Debian package {package})"
        for name, package in package_of_program.items()
        if shutil.which(name, path=_SEARCH_PATH) is None
    ]


def cannot_run(missing: Iterable[str]) -> NoReturn:
    """Skip the test, saying what is missing; fail it in CI, where nothing may be missing."""
    reason = "real servers: " + "; ".join(missing)
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Namespace:
    """The process inside. Functions it calls must be importable by name; values travel pickled."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes], log: Path) -> None:
        self._requests = requests
        self._replies = replies
        self._log = log

    def call(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Call a function inside the namespace; return what it returns, raise what it raises."""
        try:
            pickle.dump((function, args, kwargs), self._requests)
            self._requests.flush()
            result, error = pickle.load(self._replies)
        except (EOFError, BrokenPipeError):
            raise RuntimeError(f"the process inside ended: {self._log.read_text()}") from None
        if error is not None:
            error.add_note(self._log.read_text())
            raise error
        value: Result = result
        return value


@contextmanager
def required_namespace(
    package_of_program: Mapping[str, str], log: Path, *, mounts: bool = False
) -> Iterator[Namespace]:
    """Make a namespace where these programs are there, or say what is missing (`cannot_run`)."""
    if missing := missing_programs({"ip": "iproute2", **package_of_program}):
        cannot_run(missing)
    try:
        with open_namespace(log, mounts=mounts) as namespace:
            yield namespace
    except NamespaceUnavailableError as error:
        cannot_run([str(error)])


@contextmanager
def open_namespace(log: Path, *, mounts: bool = False) -> Iterator[Namespace]:
    """Make a namespace whose loopback is up. Its processes write what they have to say to the log.

    With `mounts`, what is mounted inside is seen inside alone, and gone with it.

    Raises NamespaceUnavailableError.
    """
    command = [*_unshare(_MOUNTS if mounts else ()), sys.executable, "-m", "tests.servers.inside"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Namespace(process.stdin, process.stdout, log)
        finally:
            process.stdin.close()  # all the process inside waits for: it ends, and its servers with it
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _unshare(more: Sequence[str]) -> list[str]:
    """Return the command that runs another in a namespace: root needs no user namespace, others do."""
    refusals = []
    for options in (_UNSHARE, (*_AS_ORDINARY_USER, *_UNSHARE)):
        command = [program("unshare"), *options, *more]
        trial = subprocess.run(
            [*command, program("ip"), "link", "set", "lo", "up"], capture_output=True, text=True, check=False
        )
        if trial.returncode == 0:
            return command
        refusals.append(trial.stderr.strip())
    raise NamespaceUnavailableError(f"no network namespace ({'; '.join(refusals)})")
