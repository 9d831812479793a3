"""The parts of the session benchmarks that could make their numbers wrong without anybody noticing."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from OpenSSL import SSL

from crawler.storing.run_folder import RunFolder
from tests.benchmarks import bare_handshakes
from tests.benchmarks.endpoints import (
    LEAVES,
    address_of,
    leaf_of,
    name_of,
    number_of,
    read_targets,
    write_targets,
)
from tests.benchmarks.measuring import run_measured
from tests.benchmarks.session_contestants import BARE, OURS, ZGRAB2, Contestant, Seen, compare
from tests.benchmarks.target import Target, TargetError, open_target
from tests.benchmarks.turn_server import listen


def _zgrab2_line(number: int, status: str, result: object) -> dict[str, object]:
    return {
        "ip": address_of(number),
        "domain": name_of(number),
        "data": {"smtp": {"status": status, "protocol": "smtp", "port": 25, "result": result}},
    }


# As zgrab2 writes it, without what is not read.
ZGRAB2_LINES = (
    _zgrab2_line(
        0,
        "success",
        {
            "banner": "220 token ESMTP\r\n",
            "starttls": "220 2.0.0 Ready to start TLS\r\n",
            "tls": {
                "handshake_log": {
                    "server_hello": {"version": {"name": "TLSv1.2", "value": 771}},
                    "server_certificates": {
                        "certificate": {
                            "parsed": {
                                "extensions": {"subject_alt_name": {"dns_names": [leaf_of(0)]}},
                            }
                        }
                    },
                }
            },
        },
    ),
    _zgrab2_line(1, "success", {"banner": "220 token ESMTP\r\n", "ehlo": "250 bench.example\r\n"}),
    _zgrab2_line(2, "connection-timeout", None),
)


def test_what_zgrab2_saw_is_read_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "zgrab2.jsonl").write_text("".join(json.dumps(line) + "\n" for line in ZGRAB2_LINES))
    seen = list(ZGRAB2.read(tmp_path))
    assert seen == [
        (address_of(0), "TLSv1.2", (leaf_of(0),)),
        (address_of(1), None, ()),
        (address_of(2), None, ()),
    ]


def test_zgrab2_may_go_to_loopback(tmp_path: Path) -> None:
    command = ZGRAB2.command(tmp_path / "targets", tmp_path, Target({"smtp": 2525}, "token", 0))
    blocklist = Path(command[command.index("--blocklist-file") + 1])
    assert blocklist.read_text() == ""


def test_every_endpoint_has_an_address_of_its_own_in_loopback(tmp_path: Path) -> None:
    write_targets(tmp_path / "targets", 70_000)
    targets = read_targets(tmp_path / "targets")
    assert len({address for address, _ in targets}) == len({name for _, name in targets}) == 70_000
    assert all(address.startswith("127.") for address, _ in targets)
    assert [number_of(address) for address, _ in targets] == list(range(70_000))


@pytest.mark.parametrize(
    ("changed", "whole"),
    [
        ({}, 4),
        ({3: None}, 3),
        ({3: (None, (leaf_of(3),))}, 3),
        ({3: ("TLSv1.3", (leaf_of(2),))}, 3),
        ({3: ("TLSv1.3", ())}, 3),
    ],
    ids=["all right", "one lost", "one without TLS", "another's certificate", "no certificate"],
)
def test_sessions_that_are_not_whole_are_counted(
    changed: dict[int, tuple[str | None, tuple[str, ...]] | None], whole: int
) -> None:
    seen: list[Seen] = []
    for number in range(4):
        facts = changed.get(number, ("TLSv1.3", (leaf_of(number),)))
        if facts is not None:
            seen.append((address_of(number), *facts))
    found = compare([*seen, *seen], 4)
    assert (found.whole, found.is_whole) == (whole, whole == 4)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with open_target(tmp_path_factory.mktemp("bench") / "target") as target:
        yield target


@pytest.mark.parametrize("contestant", [OURS, BARE], ids=lambda contestant: contestant.name)
def test_whole_sessions_are_held_with_the_target(
    contestant: Contestant, target: Target, tmp_path: Path
) -> None:
    write_targets(tmp_path / "targets", 3)
    run_measured(contestant.command(tmp_path / "targets", tmp_path, target), tmp_path / "output")
    seen = list(contestant.read(tmp_path))
    assert {version for _, version, _ in seen} == {"TLSv1.3"}
    assert compare(seen, 3).is_whole


def test_our_session_and_the_bare_handshake_agree_on_the_same(target: Target, tmp_path: Path) -> None:
    write_targets(tmp_path / "targets", 1)
    for contestant in (OURS, BARE):
        run_measured(contestant.command(tmp_path / "targets", tmp_path, target), tmp_path / "output")
    bare = json.loads((tmp_path / "bare.jsonl").read_text())
    (session,) = RunFolder(tmp_path / "run").read_part("sessions", 0)
    assert (session.tls.version, session.tls.group) == (bare["version"], bare["group"])
    assert bare["group"] == "X25519MLKEM768"


def test_the_certificate_of_an_endpoint_is_its_own(target: Target) -> None:
    number = LEAVES + 7
    tls = bare_handshakes.shake_hands(
        bare_handshakes.client_context(), address_of(number), target.ports["tls"], name_of(number)
    )
    certificate = tls.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    assert certificate.subject.rfc4514_string() == f"CN={leaf_of(number)}"


def test_held_sessions_are_counted_and_released(target: Target) -> None:
    with socket.create_connection((address_of(1), target.ports["held"]), 10) as client:
        assert target.token.encode() in client.recv(100)
        client.sendall(b"EHLO scan.bench.example\r\n")
        while target.count() != {"in clear": 1, "in handshake": 0}:
            pass
        target.release()
        assert client.recv(100) == b""


def test_a_held_handshake_never_ends(target: Target) -> None:
    tls = SSL.Connection(bare_handshakes.client_context(), None)
    tls.set_connect_state()
    with socket.create_connection((address_of(0), target.ports["held"]), 10) as client:
        for line in (b"EHLO scan.bench.example\r\n", b"STARTTLS\r\n"):
            client.recv(4096)
            client.sendall(line)
        assert client.recv(100).startswith(b"220 ")
        with pytest.raises(SSL.WantReadError):
            tls.do_handshake()
        client.sendall(tls.bio_read(16384))
        while not (certificates := tls.get_peer_cert_chain()):
            tls.bio_write(client.recv(16384))
            with pytest.raises(SSL.WantReadError):
                tls.do_handshake()
        assert len(certificates) == 2
        assert target.count()["in handshake"] == 1


def test_a_server_of_somebody_else_gets_no_load() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 another.token ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(TargetError, match="not the server of this run"):
            Target({"smtp": listener.getsockname()[1]}, "our token", 0).check_ours()
        thread.join()


def test_the_target_hears_the_loopback_interface_alone() -> None:
    with listen() as listener:
        device = listener.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
    assert device.rstrip(b"\0") == b"lo"
