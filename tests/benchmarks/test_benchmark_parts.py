"""The parts of the benchmarks that could make their numbers wrong without anybody noticing."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rrset
import pytest

from tests.benchmarks import calibration, dns_contestants
from tests.benchmarks.authority import Authority, AuthorityError
from tests.benchmarks.dns_contestants import Contestant, compare
from tests.benchmarks.dns_recursion import count_wrong
from tests.benchmarks.far_authorities import expected
from tests.benchmarks.mail_names import Answer, name_of, number_of, truth_of, write_zone
from tests.benchmarks.measuring import FailedError, Spread, ratios, run_measured, turns

ZDNS, GO_DNS, MASSDNS = dns_contestants._PEERS

# As each tool writes it.
ZDNS_LINES = (
    {
        "name": name_of(1),
        "results": {
            "MX": {
                "data": {
                    "answers": [
                        {
                            "answer": "mx2.p1.example",
                            "preference": 20,
                            "ttl": 300,
                            "type": "MX",
                            "class": "IN",
                        },
                        {
                            "answer": "mx1.p1.example",
                            "preference": 10,
                            "ttl": 300,
                            "type": "MX",
                            "class": "IN",
                        },
                    ],
                    "protocol": "udp",
                },
                "status": "NOERROR",
            }
        },
    },
    {"name": name_of(7), "results": {"MX": {"data": {"protocol": "udp"}, "status": "NOERROR"}}},
    {"name": name_of(8), "results": {"MX": {"status": "NXDOMAIN"}}},
    {"name": name_of(9), "results": {"MX": {"status": "TIMEOUT"}}},
)
GO_DNS_LINES = (
    {
        "name": name_of(1),
        "results": {
            "MX": {
                "data": {
                    "answers": [
                        {
                            "type": "MX",
                            "class": "IN",
                            "name": f"{name_of(1)}.",
                            "ttl": 3600,
                            "preference": preference,
                            "answer": exchange,
                        }
                        for preference, exchange in ((20, "mx2.p1.example."), (10, "mx1.p1.example."))
                    ],
                    "flags": {"response": True, "opcode": 0, "error_code": 0},
                    "protocol": "udp",
                    "resolver": "127.0.0.1:5300",
                },
                "duration": 0.01,
                "status": "NOERROR",
                "timestamp": "2026-11-22T14:00:00Z",
            }
        },
    },
    {"name": name_of(7), "results": {"MX": {"data": {"protocol": "udp"}, "status": "NOERROR"}}},
    {"name": name_of(8), "results": {"MX": {"data": {"protocol": "udp"}, "status": "NXDOMAIN"}}},
    {"name": name_of(9), "results": {"MX": {"duration": 9.0, "status": "TIMEOUT"}}},
)
MASSDNS_LINES = (
    {
        "name": f"{name_of(1)}.",
        "type": "MX",
        "status": "NOERROR",
        "data": {
            "answers": [
                {"ttl": 300, "type": "MX", "name": f"{name_of(1)}.", "data": "20 mx2.p1.example."},
                {"ttl": 300, "type": "MX", "name": f"{name_of(1)}.", "data": "10 mx1.p1.example."},
            ]
        },
    },
    {"name": f"{name_of(7)}.", "type": "MX", "status": "NOERROR", "data": {}},
    {"name": f"{name_of(8)}.", "type": "MX", "status": "NXDOMAIN", "data": {}},
    {"name": f"{name_of(9)}.", "type": "MX", "status": "TIMEOUT"},
)


@pytest.mark.parametrize(
    ("contestant", "file", "lines"),
    [
        (ZDNS, "zdns.jsonl", ZDNS_LINES),
        (GO_DNS, "go-dns.jsonl", GO_DNS_LINES),
        (MASSDNS, "massdns.jsonl", MASSDNS_LINES),
    ],
    ids=["zdns", "go-dns", "massdns"],
)
def test_the_answers_of_a_peer_are_read_in_our_words(
    contestant: Contestant, file: str, lines: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / file).write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = dict(contestant.read_answers(tmp_path))
    truth = {name_of(number): truth_of(number) for number in (1, 7, 8)}
    assert answers == {**truth, name_of(9): ("timeout", ())}


def test_a_contestant_that_is_not_here_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    here, missing = dns_contestants.all_here()
    assert [contestant.name for contestant in here] == ["ours"]
    assert missing == {
        "zdns": "no zdns on PATH",
        "go-dns": "no go on PATH",
        "massdns": "no massdns on PATH",
    }


def test_the_program_in_go_is_built_of_what_its_sums_name() -> None:
    source = Path(dns_contestants.__file__).parent / "go_dns"
    required = [
        line.replace("require", "").replace("// indirect", "").split()
        for line in (source / "go.mod").read_text().splitlines()
        if " v" in line
    ]
    sums = (source / "go.sum").read_text()
    assert [module for module, _version in required] == [
        "github.com/miekg/dns",
        "golang.org/x/net",
        "golang.org/x/sys",
    ]
    assert all(f"{module} {version} h1:" in sums for module, version in required)


@pytest.mark.parametrize(
    ("ours_us", "verdicts"),
    [(18.0, ["reached", "reached"]), (20.0, ["reached", "not reached"]), (50.0, ["not reached"] * 2)],
)
def test_the_aim_is_that_of_this_machine(ours_us: float, verdicts: list[str]) -> None:
    took = {calibration.READING: 125.0, calibration.WRITING: 22.8}
    lines = calibration.judged([ours_us, ours_us], [took, took])
    assert "so 45 us there are 22.5 (22.5..22.5) here" in lines[1]
    assert "so 45 us there are 18.0 (18.0..18.0) here" in lines[4]
    assert [line.rpartition(": ")[2] for line in (lines[2], lines[5])] == verdicts


def test_dnspython_is_timed() -> None:
    assert all(microseconds > 1 for microseconds in calibration.measure_dnspython().values())


def test_the_truth_has_every_kind_of_answer() -> None:
    truths = [truth_of(number) for number in range(100)]
    assert {status for status, _records in truths} == {"noerror", "nodata", "nxdomain"}
    assert {len(records) for _status, records in truths} == {0, 1, 2, 3}
    assert number_of(name_of(12345)) == 12345


def test_the_zone_publishes_the_truth(tmp_path: Path) -> None:
    write_zone(tmp_path / "zone", 9, "secret")
    lines = (tmp_path / "zone").read_text().splitlines()
    assert [line for line in lines if line.startswith("d0000001 ")] == [
        "d0000001 MX 10 mx1.p1.example.",
        "d0000001 MX 20 mx2.p1.example.",
    ]
    assert "d0000007 A 192.0.2.1" in lines
    assert not any(line.startswith("d0000008") for line in lines)


@pytest.mark.parametrize(
    ("changed", "agreed", "lost"),
    [
        ({}, 10, 0),
        ({3: None}, 9, 1),
        ({3: ("timeout", ())}, 9, 0),
        ({1: ("noerror", ((10, "mx1.p1.example"),))}, 9, 0),
    ],
    ids=["all right", "one without answer", "one timeout", "one with a record too few"],
)
def test_what_is_lost_or_wrong_is_counted(changed: dict[int, Answer | None], agreed: int, lost: int) -> None:
    given = {number: truth_of(number) for number in range(10)} | changed
    answers = [(name_of(number), answer) for number, answer in given.items() if answer is not None]
    found = compare(answers, 10)
    assert (found.agreed, found.lost, found.is_whole) == (agreed, lost, agreed == 10)


def test_what_recursion_gets_wrong_is_counted_by_status() -> None:
    right = {name_of(number): expected(number) for number in range(200)}
    assert {status for status, _records in right.values()} == {"noerror", "nodata", "nxdomain", "servfail"}
    assert not count_wrong(right, 200)
    changed = {**right, name_of(1): ("servfail", ()), name_of(9): ("timeout", ())}
    del changed[name_of(2)]
    assert count_wrong(changed, 200) == {"servfail for noerror": 1, "timeout for servfail": 1, "lost": 1}


def test_a_second_answer_about_a_name_hides_no_other() -> None:
    answers = [(name_of(number), truth_of(number)) for number in (0, 0, 1)]
    found = compare(answers, 3)
    assert (found.agreed, found.lost) == (2, 1)


def test_contestants_take_turns_and_each_begins_once() -> None:
    assert list(turns("ABC", 3)) == [(0, c) for c in "ABC"] + [(1, c) for c in "BCA"] + [
        (2, c) for c in "CAB"
    ]


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratios([1.0, 4.0, 9.0], [2.0, 4.0, 3.0]) == Spread(1.0, 0.5, 3.0)
    assert Spread(1.0, 0.5, 3.0).shown(2) == "1.00 (0.50..3.00)"


BUSY = "import time\nwhile time.process_time() < 0.1: pass"


def test_cpu_of_a_child_that_was_waited_for_counts(tmp_path: Path) -> None:
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}], check=True)"
    assert run_measured([sys.executable, "-c", program], tmp_path / "output").cpu_seconds > 0.09


def test_a_contestant_that_fails_is_no_measurement(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no such option')"
    with pytest.raises(FailedError, match="no such option"):
        run_measured([sys.executable, "-c", program], tmp_path / "output")


def test_the_peak_of_a_process_is_kept_when_memory_is_given_back(tmp_path: Path) -> None:
    program = (
        "import os\nfrom tests.benchmarks.measuring import family\nb'x' * (64 << 20)\n"
        "print(family(os.getpid())[0].peak_octets >> 20)"
    )
    run_measured([sys.executable, "-c", program], tmp_path / "output")
    assert int((tmp_path / "output").read_text()) >= 64


@pytest.fixture
def another_server() -> Iterator[int]:
    """Give the port of a DNS server that somebody else started."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))

        def answer() -> None:
            octets, client = endpoint.recvfrom(512)
            reply = dns.message.make_response(dns.message.from_wire(octets))
            name = reply.question[0].name
            reply.answer.append(dns.rrset.from_text(name, 0, "IN", "TXT", '"another token"'))
            endpoint.sendto(reply.to_wire(), client)

        thread = threading.Thread(target=answer)
        thread.start()
        yield endpoint.getsockname()[1]
        thread.join()


def test_a_server_of_somebody_else_gets_no_load(another_server: int) -> None:
    authority = Authority(another_server, "our token", 0, "NSD")
    with pytest.raises(AuthorityError, match="not the server of this run"):
        authority.check_ours()
