"""TLS as no library would send it: records and messages made by hand (RFC 5246)."""

_ALERT, _HANDSHAKE = 21, 22
_HELLO_REQUEST, _SERVER_HELLO, _CERTIFICATE, _SERVER_HELLO_DONE = 0, 2, 11, 14
_ECDHE_RSA_AES128_GCM, _ECDH_ANON_AES128, _RSA_NULL_SHA256 = 0xC02F, 0xC018, 0x003B

SSLV2_SERVER_HELLO = bytes.fromhex("800b 04 00 01 0002 0000 0000 0010".replace(" ", "")) + bytes(16)


def record(kind: int, octets: bytes, version: bytes = b"\3\3") -> bytes:
    """Return a record."""
    return bytes((kind,)) + version + len(octets).to_bytes(2, "big") + octets


def message(kind: int, octets: bytes) -> bytes:
    """Return a handshake message in records of its own."""
    whole = bytes((kind,)) + len(octets).to_bytes(3, "big") + octets
    return b"".join(record(_HANDSHAKE, whole[i : i + 16384]) for i in range(0, len(whole), 16384))


def server_hello(suite: int = _ECDHE_RSA_AES128_GCM, version: bytes = b"\3\3") -> bytes:
    """Return the ServerHello of a TLS 1.2 server."""
    body = version + b"R" * 32 + b"\0" + suite.to_bytes(2, "big") + b"\0"
    return message(_SERVER_HELLO, body)


def certificate_message(*certificates: bytes) -> bytes:
    """Return a TLS 1.2 Certificate message with anything in the place of certificates."""
    entries = b"".join(len(octets).to_bytes(3, "big") + octets for octets in certificates)
    return message(_CERTIFICATE, len(entries).to_bytes(3, "big") + entries)


HELLO_REQUEST = message(_HELLO_REQUEST, b"")
SERVER_HELLO_DONE = message(_SERVER_HELLO_DONE, b"")
SSLV3_SERVER_HELLO = server_hello(version=b"\3\0")
ANONYMOUS_SERVER_HELLO = server_hello(_ECDH_ANON_AES128)
NULL_SERVER_HELLO = server_hello(_RSA_NULL_SHA256)
WARNING = record(_ALERT, b"\1\x70")
"""unrecognized_name, as a warning."""
OVERSIZED_RECORD = record(_HANDSHAKE, b"\2" * 40000)
EMPTY_RECORD = record(_HANDSHAKE, b"")
