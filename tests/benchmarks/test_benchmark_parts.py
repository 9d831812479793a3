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

from tests.benchmarks import dns_contestants
from tests.benchmarks.authority import Authority, AuthorityError
from tests.benchmarks.dns_contestants import Contestant, compare
from tests.benchmarks.mail_names import Answer, name_of, number_of, truth_of, write_zone
from tests.benchmarks.measuring import FailedError, Spread, ratios, run_measured, turns

ZDNS, MASSDNS = dns_contestants._PEERS

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
    [(ZDNS, "zdns.jsonl", ZDNS_LINES), (MASSDNS, "massdns.jsonl", MASSDNS_LINES)],
    ids=["zdns", "massdns"],
)
def test_the_answers_of_a_peer_are_read_in_our_words(
    contestant: Contestant, file: str, lines: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / file).write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = dict(contestant.read_answers(tmp_path))
    truth = {name_of(number): truth_of(number) for number in (1, 7, 8)}
    assert answers == {**truth, name_of(9): ("timeout", ())}


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
