"""The fetch of an MTA-STS policy over HTTPS (RFC 8461 s3.3)."""

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import h11
import trio

from crawler import __version__
from crawler.opt_out import OptOut
from crawler.outcomes import Failure, FetchStage, LookupStatus
from crawler.probes.failures import PEER_ERRORS, StageFailed, name_failure
from crawler.probes.host_addresses import look_up_addresses
from crawler.probes.reach import Connect, may_contact, open_tcp
from crawler.probes.resolver import Resolver
from crawler.probes.tls import TlsStream
from crawler.probes.turns import AddressTurns
from crawler.protocol.text import printable
from crawler.records import AddressLookup, StsPolicy, TlsHandshake
from crawler.settings import Settings

BODY_LIMIT = 64 * 1024
"""Octets of a policy body that are read; one more is too long (RFC 8461 s3.3)."""

_HEADER_LIMIT = 64 * 1024
"""Octets of a status line and header, and of what frames a chunk."""

_RESPONSE_LIMIT = 1024 * 1024
"""Octets received in all: neither interim responses nor tiny chunks may go on for ever."""

_READ_SIZE = 16 * 1024
_PATH = b"/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPolicy:
    """What a fetch showed: its row, and the certificates that its chain names, as DER."""

    policy: StsPolicy
    certificates: tuple[bytes, ...]


async def fetch_policy(
    domain: str,
    resolver: Resolver,
    settings: Settings,
    opt_out: OptOut,
    turns: AddressTurns,
    *,
    connect: Connect = open_tcp,
) -> ObservedPolicy:
    """Fetch the policy of a domain; whatever the policy host does is in the record, never raised.

    Redirects are not followed (s3.3). The certificate is recorded and not judged. Who is opted out is not
    contacted: the host by its name or as an alias, or any of its addresses by itself.
    """
    policy_host = f"mta-sts.{domain}"
    progress = _Progress()
    a, aaaa = await look_up_addresses(policy_host, resolver, opt_out)
    with progress.whole:
        progress.whole.deadline = progress.start + settings.policy_timeout_seconds
        try:
            addresses = _usable_addresses(a, aaaa, settings, opt_out)
            await _fetch(progress, policy_host, addresses, settings, turns, connect)
        except PEER_ERRORS as error:
            progress.failure, progress.failure_detail = name_failure(error)
    if progress.whole.cancelled_caught:
        progress.failure, progress.failure_detail = Failure.TIMEOUT, "limit of the whole fetch"
    policy = StsPolicy(
        domain=domain,
        policy_host=policy_host,
        a=a,
        aaaa=aaaa,
        address=progress.address,
        stage=progress.stage,
        failure=progress.failure,
        failure_detail=progress.failure_detail,
        tls=progress.tls,
        http_status=progress.http_status,
        content_type=progress.content_type,
        location=progress.location,
        body=progress.body,
        fetched_at=progress.fetched_at,
        connect_seconds=progress.seconds.get(FetchStage.CONNECT),
        handshake_seconds=progress.seconds.get(FetchStage.HANDSHAKE),
        total_seconds=trio.current_time() - progress.start - progress.waited_seconds,
    )
    return ObservedPolicy(policy=policy, certificates=progress.certificates)


@dataclass(slots=True)
class _Progress:
    """What is known so far. Whatever ends the fetch, the record is made of this."""

    fetched_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    start: float = field(default_factory=trio.current_time)
    whole: trio.CancelScope = field(default_factory=trio.CancelScope)
    """Its deadline is the limit of the whole fetch."""
    waited_seconds: float = 0.0
    """For turns at addresses."""
    stage: FetchStage = FetchStage.ADDRESS
    failure: Failure | None = None
    failure_detail: str | None = None
    address: str | None = None
    tls: TlsHandshake | None = None
    certificates: tuple[bytes, ...] = ()
    http_status: int | None = None
    content_type: str | None = None
    location: str | None = None
    body: bytes | None = None
    seconds: dict[FetchStage, float] = field(default_factory=dict)

    @contextmanager
    def timing(self, stage: FetchStage) -> Iterator[None]:
        """Enter a stage; keep how long it took, unless it is left by an error."""
        self.stage = stage
        start = trio.current_time()
        yield
        self.seconds[stage] = trio.current_time() - start

    @asynccontextmanager
    async def turn(self, limiter: trio.CapacityLimiter) -> AsyncIterator[None]:
        """Wait for a turn; the wait is this scanner's doing, so it counts for no limit and no duration."""
        since, deadline = trio.current_time(), self.whole.deadline
        self.whole.deadline = math.inf
        async with limiter:
            waited = trio.current_time() - since
            self.waited_seconds += waited
            self.whole.deadline = deadline + waited
            yield


def _usable_addresses(
    a: AddressLookup, aaaa: AddressLookup, settings: Settings, opt_out: OptOut
) -> list[str]:
    """Return the addresses to try, in order. Raises StageFailed if there are none."""
    if LookupStatus.OPTED_OUT in (a.status, aaaa.status):
        raise StageFailed(Failure.OPTED_OUT)
    addresses = [*a.addresses, *aaaa.addresses]
    if not addresses:
        is_denied = a.status.have_records is False and aaaa.status.have_records is False
        raise StageFailed(Failure.NO_ADDRESS if is_denied else Failure.LOOKUP_FAILED)
    routable = [address for address in addresses if may_contact(address, settings)]
    if not routable:
        raise StageFailed(Failure.SPECIAL_PURPOSE_ADDRESS)
    usable = [address for address in routable if not opt_out.covers_address(address)]
    if not usable:
        raise StageFailed(Failure.OPTED_OUT)
    return usable


async def _fetch(
    progress: _Progress,
    policy_host: str,
    addresses: list[str],
    settings: Settings,
    turns: AddressTurns,
    connect: Connect,
) -> None:
    """Fetch from the first address that takes a connection. Raises one of PEER_ERRORS where it fails.

    Policy hosters serve thousands of names from one address, and a list may name them in a row: each address
    is visited by few at once, from the connection to its end.
    """
    for address in addresses:
        async with progress.turn(turns.at(address)):
            try:
                transport = await _connect(progress, address, settings, connect)
            except PEER_ERRORS:
                if address == addresses[-1]:
                    raise
                continue
            try:
                secure = await _shake_hands(progress, transport, policy_host, settings)
                await _get(progress, secure, policy_host)
            finally:
                await transport.aclose()
            return


async def _connect(
    progress: _Progress, address: str, settings: Settings, connect: Connect
) -> trio.abc.Stream:
    progress.address = address
    with progress.timing(FetchStage.CONNECT), trio.fail_after(settings.connect_timeout_seconds):
        return await connect(address, settings.https_port)


async def _shake_hands(
    progress: _Progress, transport: trio.abc.Stream, policy_host: str, settings: Settings
) -> TlsStream:
    secure = TlsStream(transport, policy_host, protocols=(b"http/1.1",))
    try:
        with progress.timing(FetchStage.HANDSHAKE), trio.fail_after(settings.handshake_timeout_seconds):
            await secure.handshake()
    finally:
        progress.certificates = secure.chain()
        progress.tls = secure.facts(progress.certificates)
    return secure


async def _get(progress: _Progress, stream: TlsStream, policy_host: str) -> None:
    """Ask for the policy; read the body of a 200 response and of no other."""
    progress.stage = FetchStage.RESPONSE
    exchange = _HttpExchange(stream)
    await exchange.send_request(policy_host)
    response = await exchange.response()
    progress.http_status = response.status_code
    progress.content_type = _header(response, b"content-type")
    progress.location = _header(response, b"location")
    if response.status_code == 200:
        progress.stage = FetchStage.BODY
        progress.body = await exchange.body()


def _header(response: h11.Response, name: bytes) -> str | None:
    """Return the first field of this name, as printable text."""
    return next((printable(value) for field_name, value in response.headers if field_name == name), None)


class _HttpExchange:
    """One HTTP/1.1 request and its response on a stream. Its operations raise the errors of PEER_ERRORS."""

    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADER_LIMIT)
        self._received = 0
        self._is_at_end = False

    async def send_request(self, host: str) -> None:
        request = h11.Request(
            method=b"GET",
            target=_PATH,
            headers=[
                (b"Host", host.encode("ascii")),
                (b"User-Agent", f"starttls-survey/{__version__}".encode("ascii")),
                # No coding is undone here: what a server may not send needs no limit of its own.
                (b"Accept-Encoding", b"identity"),
                (b"Connection", b"close"),
            ],
        )
        octets = (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        await self._stream.send_all(octets)

    async def response(self) -> h11.Response:
        """Return the final response; interim ones are passed over (RFC 9110 s15.2)."""
        while not isinstance(event := await self._next_event(), h11.Response):
            assert isinstance(event, h11.InformationalResponse), event
        return event

    async def body(self) -> bytes:
        """Return the whole body, which is nothing beyond BODY_LIMIT."""
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise StageFailed(Failure.REPLY_TOO_LONG, f"body over {BODY_LIMIT} octets")
        assert isinstance(event, h11.EndOfMessage), event
        return bytes(body)

    async def _next_event(self) -> object:
        while (event := self._parse()) is h11.NEED_DATA:
            if self._received > _RESPONSE_LIMIT:
                raise StageFailed(Failure.REPLY_TOO_LONG, f"response over {_RESPONSE_LIMIT} octets")
            octets = await self._stream.receive_some(_READ_SIZE)
            self._received += len(octets)
            self._is_at_end = not octets
            self._http.receive_data(octets)
        return event

    def _parse(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            if self._is_at_end:  # h11 has one error for all that the end cuts short
                raise StageFailed(Failure.CLOSED, str(error)) from error
            raise
