"""The lab as a process of its own."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest

from crawler.lab import launch, serve
from crawler.lab.launch import LabEndpoints, LabError, start_lab

DOMAINS = [(f"town-{number}.example", number % 3 == 0) for number in range(30)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[LabEndpoints]:
    with start_lab(DOMAINS, "dotgov", 1, tmp_path_factory.mktemp("state"), cache) as endpoints:
        yield endpoints


def test_a_lab_that_is_ready_answers(lab: LabEndpoints) -> None:
    address, _, port = lab.resolver.rpartition(":")
    reply = dns.query.udp(dns.message.make_query("no.such.name", "MX"), address, port=int(port), timeout=5)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert lab.counts["mail_servers"] > 0
    assert Path(lab.root_store).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert any(Path(lab.truth).iterdir())


def test_ctrl_c_in_the_terminal_does_not_reach_the_lab(lab: LabEndpoints) -> None:
    os.kill(lab.pid, signal.SIGINT)
    assert os.getsid(lab.pid) != os.getsid(0)
    address, _, port = lab.resolver.rpartition(":")
    dns.query.udp(dns.message.make_query("no.such.name", "MX"), address, port=int(port), timeout=5)


def test_the_lab_ends_with_the_context(tmp_path: Path, cache: Path) -> None:
    with start_lab(DOMAINS[:3], "dotgov", 1, tmp_path, cache) as endpoints:
        assert is_alive(endpoints.pid)
    assert not is_alive(endpoints.pid)
    host, _, port = endpoints.resolver.rpartition(":")
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect((host, int(port)))


def test_the_lab_ends_when_its_parent_is_killed(tmp_path: Path, cache: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from crawler.lab.launch import start_lab\n"
        "with start_lab([('a.example', None)], 'dotgov', 1, *map(pathlib.Path, sys.argv[1:])) as lab:\n"
        "    print(lab.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(cache)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        lab_pid = int(parent.stdout.readline())
        descriptor = os.pidfd_open(lab_pid)
        parent.kill()
    assert select.select([descriptor], [], [], 10)[0]
    os.close(descriptor)


def test_an_unknown_profile_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"'nowhere'.*dotgov"), start_lab([], "nowhere", 1, tmp_path, tmp_path):
        pytest.fail("started")


def test_a_broken_profile_is_one_clear_error(tmp_path: Path) -> None:
    profile = tmp_path / "broken.toml"
    profile.write_text("signed = 'perhaps")
    with (
        pytest.raises(LabError, match=r"profile .*broken\.toml") as caught,
        start_lab([("a.example", None)], str(profile), 1, tmp_path / "state", tmp_path),
    ):
        pytest.fail("started")
    assert "\n" not in str(caught.value)


def test_a_state_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(LabError, match="file"),
        start_lab([], "dotgov", 1, tmp_path / "file", tmp_path),
    ):
        pytest.fail("started")


def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(LabError, match=r"certificate cache .*file"),
        start_lab(DOMAINS[:3], "dotgov", 1, tmp_path / "state", tmp_path / "file"),
    ):
        pytest.fail("started")


def test_a_lab_that_takes_too_long_is_one_clear_error(tmp_path: Path, cache: Path) -> None:
    with (
        pytest.raises(LabError, match=r"not ready within 0\.001 seconds"),
        start_lab(DOMAINS, "dotgov", 1, tmp_path, cache, start_seconds=0.001),
    ):
        pytest.fail("started")


def test_the_domains_arrive_as_they_were_given(tmp_path: Path) -> None:
    given = [("signed.example", True), ("unsigned.example", False), ("unknown.example", None)]
    launch._write_domains(given, tmp_path / "domains.csv")
    assert serve.read_domains(tmp_path / "domains.csv") == given


@pytest.mark.parametrize("line", ["example.test", "example.test,yes", ",1"])
def test_a_line_that_is_no_domain_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "domains.csv").write_text(f"good.test,1\n{line}\n")
    with pytest.raises(serve.DomainsError, match="line 2"):
        serve.read_domains(tmp_path / "domains.csv")
