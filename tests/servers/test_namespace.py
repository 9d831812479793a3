"""The namespace of the tests leaves nothing behind, and says why it cannot be made."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import namespace
from tests.servers.namespace import cannot_run, missing_programs, required_namespace

pytestmark = pytest.mark.needs_network_namespace

HOLD_FILE = """
import fcntl, signal, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
signal.pause()
"""


def start_holder(path: Path) -> None:
    """Start a server that holds a lock, detached from everything."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_FILE, str(path)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"


def is_held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_nothing_started_in_a_namespace_outlives_it(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.touch()
    with required_namespace({}, tmp_path / "log") as inside:
        inside.call(start_holder, held)
        assert is_held(held)
    assert not is_held(held)


def test_what_goes_wrong_inside_is_raised_outside(tmp_path: Path) -> None:
    with required_namespace({}, tmp_path / "log") as inside, pytest.raises(FileNotFoundError):
        inside.call(Path.read_text, tmp_path / "missing")


def test_a_missing_program_is_named_with_its_package() -> None:
    assert missing_programs({"sh": "dash", "no-such-program": "no-such-package"}) == [
        "no no-such-program (Debian package no-such-package)"
    ]


def test_what_is_missing_fails_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no nsd"):
        cannot_run(["no nsd"])
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no nsd"):
        cannot_run(["no nsd"])


def test_a_machine_without_namespaces_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2; exit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(namespace, "_SEARCH_PATH", f"{tmp_path}:{namespace._SEARCH_PATH}")
    monkeypatch.delenv("CI", raising=False)
    with (
        pytest.raises(pytest.skip.Exception, match="Operation not permitted"),
        required_namespace({}, tmp_path / "log"),
    ):
        pass
