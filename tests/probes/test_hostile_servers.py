"""Sessions with every hostile server at once, over real sockets, with good servers beside them."""

import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS, certificate_truth
from crawler.lab.script import WITHOUT_FAULT, Endless, Pause, Script, Tls
from crawler.outcomes import Outcome, SessionStage
from crawler.probes.reach import open_tcp
from crawler.probes.session import ObservedSession, observe_session
from crawler.protocol.certificate import read_certificate
from crawler.records import Certificate, Session, SessionVerdict
from crawler.schema import record_maker, to_table
from crawler.settings import Settings
from crawler.verdicts.outcome import read_outcome
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.session import Endpoint, SessionFacts, judge_session
from tests.probes.hostile import (
    HostileServer,
    accept_for,
    authority,
    chain_of,
    hostile_servers,
    order_of,
)
from tests.probes.peers import (
    ADDRESS,
    MX_HOST,
    BreakableStream,
    ScriptedPeer,
    accept_tls,
    lab_settings,
)

HOSTILE_SERVERS = hostile_servers()

LIMIT_SECONDS = 1.2
"""Of the step in which a server is expected to be silent or slow."""
PATIENCE_SECONDS = 30.0
"""Of every other step: nothing here depends on the speed of the machine."""
GOOD_SESSIONS = 12
MOST_OCTETS = {"asks_for_hello_without_end": 600_000}
"""To read of a server; of any other 128 KiB."""

Accept = Callable[[Tls], SSL.Connection]

_LIMIT_OF_STAGE: dict[str, str] = {
    SessionStage.GREETING: "greeting_timeout_seconds",
    SessionStage.HELLO: "reply_timeout_seconds",
    SessionStage.STARTTLS: "reply_timeout_seconds",
    SessionStage.HANDSHAKE: "handshake_timeout_seconds",
    SessionStage.HELLO_TLS: "reply_timeout_seconds",
}


class TcpEnd(BreakableStream):
    """The server's end of a TCP connection."""

    def reset_peer(self) -> None:
        """Close with RST."""
        assert isinstance(self.inner, trio.SocketStream)
        self.inner.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.inner.socket.close()


class Counted(trio.abc.Stream):
    """A stream that counts what is read from it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.octets = 0
        self.is_closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        received = await self._stream.receive_some(max_bytes)
        self.octets += len(received)
        return received

    async def aclose(self) -> None:
        self.is_closed = True
        await self._stream.aclose()


@dataclass
class Ending:
    """How a session with a server ended."""

    observed: ObservedSession
    connection: Counted
    seconds: float


async def meet(script: Script, settings: Settings, accept: Accept = accept_tls) -> Ending:
    """Serve a script on a socket of its own, and hold a session with it."""
    connections = []

    async def connect(address: str, port: int) -> trio.abc.Stream:
        connections.append(Counted(await open_tcp(address, port)))
        return connections[0]

    (listener,) = await trio.open_tcp_listeners(0, host=ADDRESS)

    async def serve() -> None:
        async with await listener.accept() as stream:
            await ScriptedPeer(script, accept).play(TcpEnd(stream))

    port = listener.socket.getsockname()[1]
    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        start = trio.current_time()
        observed = await observe_session(
            MX_HOST, ADDRESS, None, replace(settings, smtp_port=port), connect=connect
        )
        seconds = trio.current_time() - start
        nursery.cancel_scope.cancel()
    return Ending(observed, connections[0], seconds)


def patient_settings(**changes: float) -> Settings:
    limits = dict.fromkeys(
        [*_LIMIT_OF_STAGE.values(), "connect_timeout_seconds", "session_timeout_seconds"], PATIENCE_SECONDS
    )
    return lab_settings(**limits | changes)


def settings_for(server: HostileServer) -> Settings:
    if server.scenario.failure == "timeout":
        return patient_settings(**{_LIMIT_OF_STAGE[server.scenario.stage]: LIMIT_SECONDS})
    return patient_settings()


def good_script(pause_seconds: float) -> Script:
    """Return the script of a server without fault that takes its time."""
    wait = Pause(pause_seconds)
    return tuple(part for action in WITHOUT_FAULT for part in (wait, action))


def timeless(session: Session) -> dict[str, Any]:
    """Return what a session says, times and port left out."""
    return {
        name: getattr(session, name)
        for name in session.__dataclass_fields__
        if not name.endswith(("_seconds", "_at")) and name != "port"
    }


@dataclass
class Meeting:
    """All sessions of one nursery."""

    endings: dict[str, Ending]
    good: list[Ending]


async def _meet_all() -> Meeting:
    meeting = Meeting({}, [])

    async def meet_hostile(server: HostileServer) -> None:
        meeting.endings[server.name] = await meet(server.script, settings_for(server), accept_for(server))

    async def meet_good(number: int) -> None:
        script = good_script(0.02 * number)
        meeting.good.append(await meet(script, patient_settings()))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in range(GOOD_SESSIONS):
                nursery.start_soon(meet_good, number)
            for server in HOSTILE_SERVERS:
                nursery.start_soon(meet_hostile, server)
    return meeting


@cache
def all_at_once() -> Meeting:
    """Return how the sessions ended that were held with all servers at once."""
    return trio.run(_meet_all)


def agrees(declared: Any, found: Any) -> bool:
    """Whether a column is what is declared of it; of a struct, only some members may be."""
    if isinstance(declared, dict):
        return found is not None and all(agrees(declared[name], found[name]) for name in declared)
    if isinstance(declared, tuple):
        return [digest for word in declared for digest in chain_of(word)] == list(found)
    if isinstance(declared, list):
        return declared == list(found or ())
    return bool(declared == found)


HOSTILE = pytest.mark.parametrize("server", HOSTILE_SERVERS, ids=lambda server: server.name)


@HOSTILE
def test_a_hostile_server_ends_in_its_outcome(server: HostileServer) -> None:
    session = all_at_once().endings[server.name].observed.session
    found = asdict(session)
    wrong = {
        name: (value, found[name])
        for name, value in server.declared.items()
        if not agrees(value, found[name])
    }
    assert wrong == {}, session.failure_detail
    outcome = read_outcome(session.stage, session.failure, session.starttls_offered)
    assert outcome == server.scenario.outcome


@HOSTILE
def test_a_hostile_server_is_left_within_the_limits(server: HostileServer) -> None:
    ending = all_at_once().endings[server.name]
    assert ending.connection.octets <= MOST_OCTETS.get(server.name, 2 * 65536)
    assert ending.connection.is_closed
    assert ending.seconds < (LIMIT_SECONDS if server.scenario.failure == "timeout" else 0) + 10


ODD = pytest.mark.parametrize(
    "server",
    [server for server in HOSTILE_SERVERS if server.certificate != "good"],
    ids=lambda server: server.name,
)


@ODD
def test_an_odd_certificate_is_kept_and_read(server: HostileServer) -> None:
    observed = all_at_once().endings[server.name].observed
    leaf = asdict(read_certificate(observed.certificates[0]))
    declared = certificate_truth(server.certificate, order_of(CERTIFICATE_SCENARIOS[server.certificate]))
    declared["sha256"] = chain_of(server.certificate)[0]
    assert {name: value for name, value in declared.items() if not agrees(value, leaf[name])} == {}


@ODD
def test_an_odd_certificate_is_judged_by_path_time_and_name(server: HostileServer) -> None:
    verdict = asdict(judged(all_at_once().endings[server.name].observed))
    declared = CERTIFICATE_SCENARIOS[server.certificate].verdict()
    assert {name: verdict[name] for name in declared} == declared


@cache
def root_store() -> RootStore:
    return RootStore(authority().roots["lab_ca"].certificate.public_bytes(Encoding.PEM))


def judged(observed: ObservedSession) -> SessionVerdict:
    certificates = [read_certificate(der) for der in observed.certificates]
    judge = PkixJudge(root_store(), {c.sha256: c for c in certificates})
    session = observed.session
    return judge_session(Endpoint.of(session, None), SessionFacts.of(session), judge)


def test_every_session_can_be_stored_and_judged() -> None:
    observed = [ending.observed for ending in all_at_once().endings.values()]
    sessions = [session.session for session in observed]
    stored = to_table(Session, sessions).to_pylist()
    assert [record_maker(Session)(row) for row in stored] == sessions
    certificates = [read_certificate(der) for session in observed for der in session.certificates]
    assert to_table(Certificate, certificates).num_rows == len(certificates) > 100
    assert {judged(session).pkix_ok for session in observed} == {None, True, False}


def test_no_hostile_server_disturbs_another_session() -> None:
    alone = trio.run(meet, good_script(0.0), patient_settings()).observed
    assert read_outcome(alone.session.stage, alone.session.failure, True) is Outcome.TLS_OK
    assert alone.session.quit_code == 221
    good = all_at_once().good
    assert len(good) == GOOD_SESSIONS
    for ending in good:
        assert timeless(ending.observed.session) == timeless(alone.session)
        assert ending.observed.certificates == alone.certificates


def endless(server: HostileServer) -> bool:
    return any(isinstance(action, Endless) and not action.seconds_each for action in server.script)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_what_an_endless_server_says_is_not_kept(traced: None) -> None:
    async def meet_endless() -> None:
        for server in filter(endless, HOSTILE_SERVERS):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            await meet(server.script, settings_for(server), accept_for(server))
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < 700_000, server.name

    assert sum(map(endless, HOSTILE_SERVERS)) >= 6
    trio.run(meet_endless)


def test_every_hostile_server_has_a_name_of_its_own() -> None:
    names = [server.name for server in HOSTILE_SERVERS]
    assert len(set(names)) == len(names) >= 40
