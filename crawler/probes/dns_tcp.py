"""One question to a resolver over TCP, where a reply over UDP was truncated (RFC 7766)."""

import trio

from crawler.probes.failures import PEER_ERRORS
from crawler.probes.reach import open_tcp
from crawler.protocol.dns_wire import DnsReply, DnsWireError, decode_reply


async def reply_over_tcp(address: str, port: int, query: bytes) -> DnsReply | None:
    """Send a query and return the reply with its id; None if none came that can be read, or another."""
    try:
        stream = await open_tcp(address, port)
        async with stream:
            await stream.send_all(len(query).to_bytes(2, "big") + query)
            length = await _receive_exactly(stream, 2)
            octets = await _receive_exactly(stream, int.from_bytes(length, "big"))
        reply = decode_reply(octets)
    except (*PEER_ERRORS, DnsWireError):
        return None
    return reply if octets[:2] == query[:2] else None


async def _receive_exactly(stream: trio.abc.Stream, size: int) -> bytes:
    """Return so many octets. Raises BrokenResourceError at an early end."""
    octets = bytearray()
    while len(octets) < size:
        received = await stream.receive_some(size - len(octets))
        if not received:
            raise trio.BrokenResourceError
        octets += received
    return bytes(octets)
