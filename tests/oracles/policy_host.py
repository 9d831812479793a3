"""A policy host on loopback that answers with given octets, under given certificates (RFC 8461 s3.3)."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.oracles.crafting import CLIENT_AUTH, Crafted, Key, craft, dns, pem

if TYPE_CHECKING:
    from tests.oracles.sts_cases import Response

ADDRESS = "127.0.0.1"
_DAY = timedelta(days=1)


class Authority:
    """Issues for policy hosts, valid from yesterday to tomorrow."""

    def __init__(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        self.first, self.last = now - _DAY, now + _DAY
        self.root = craft("Policy Root", ca=True, first=self.first, last=self.last)
        self.unknown = craft("Unknown Root", ca=True, first=self.first, last=self.last)

    def issue(self, host: str, issuer: Crafted | None, **parts: Any) -> Crafted:
        wanted: dict[str, Any] = {"names": [dns(host)], "first": self.first, "last": self.last} | parts
        return craft(host, issuer, **wanted)


CERTIFICATES: Mapping[str, Callable[[Authority, str], Crafted]] = {
    "good": lambda a, host: a.issue(host, a.root),
    "expired": lambda a, host: a.issue(host, a.root, first=a.first - _DAY, last=a.first),
    "not yet valid": lambda a, host: a.issue(host, a.root, first=a.last, last=a.last + _DAY),
    "for another name": lambda a, host: a.issue(host, a.root, names=[dns(f"www.{host}")]),
    "for the common name": lambda a, host: a.issue(host, a.root, names=[]),
    "for a wildcard": lambda a, host: a.issue(host, a.root, names=[dns(f"*.{host.partition('.')[2]}")]),
    "for a wildcard in a label": lambda a, host: a.issue(
        host, a.root, names=[dns(f"mta*.{host.partition('.')[2]}")]
    ),
    "for clients": lambda a, host: a.issue(host, a.root, purposes=[CLIENT_AUTH]),
    "by an unknown root": lambda a, host: a.issue(host, a.unknown),
    "by itself": lambda a, host: a.issue(host, None),
}
"""What a policy host may be issued, by name."""


@asynccontextmanager
async def serving(
    responses: Mapping[str, "Response"], authority: Authority, folder: Path
) -> AsyncIterator[int]:
    """Serve the responses of policy hosts, by host name; gives the port.

    A host whose certificate is not of CERTIFICATES is unknown: an alert unrecognized_name ends the handshake.
    """
    contexts = {
        host: _context(CERTIFICATES[response.certificate](authority, host), folder / f"{number}.pem")
        for number, (host, response) in enumerate(responses.items())
        if response.certificate in CERTIFICATES
    }
    chosen: dict[ssl.SSLObject, str] = {}

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name not in contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        chosen[connection] = name
        connection.context = contexts[name]
        return None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(responses[chosen.pop(writer.get_extra_info("ssl_object"))].octets)
            await writer.drain()
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = choose
    server = await asyncio.start_server(answer, ADDRESS, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _context(certificate: Crafted, file: Path) -> ssl.SSLContext:
    file.write_bytes(pem([certificate]) + _key(certificate.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _key(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
