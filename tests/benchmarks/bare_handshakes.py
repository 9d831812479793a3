"""The limit, a process of its own: the TLS handshake alone, OpenSSL through pyOpenSSL, one after another.

    python -m tests.benchmarks.bare_handshakes TARGETS RESULT --port PORT

Blocking sockets, no event loop, no SMTP, nothing recorded of each. The handshake is the one that the survey
asks for: its cipher list, TLS 1.0 to 1.3, no tickets, the same key shares, the server's name.
"""

import argparse
import json
import socket
from contextlib import suppress
from pathlib import Path

from OpenSSL import SSL

from tests.benchmarks.endpoints import read_targets

_READ_SIZE = 16 * 1024


def shake_hands(context: SSL.Context, address: str, port: int, name: str) -> SSL.Connection:
    """Connect, complete a handshake and close; return the connection."""
    tls = SSL.Connection(context, None)
    tls.set_tlsext_host_name(name.encode())
    tls.set_connect_state()
    with socket.socket() as transport:
        transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.connect((address, port))
        is_complete = False
        while not is_complete:
            with suppress(SSL.WantReadError):
                tls.do_handshake()
                is_complete = True
            transport.sendall(tls.bio_read(_READ_SIZE))
            if not is_complete:
                tls.bio_write(transport.recv(_READ_SIZE))
    return tls


def client_context() -> SSL.Context:
    """Return a context that offers what the survey offers."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(b"ALL:!aNULL:!eNULL:@SECLEVEL=0")
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


def main() -> None:
    """Shake hands with every target; write what was agreed on, which is the same with all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    context = client_context()
    addresses, kinds = [], set()
    for address, name in read_targets(given.targets):
        tls = shake_hands(context, address, given.port, name)
        addresses.append(address)
        kinds.add((tls.get_protocol_version_name(), tls.get_group_name()))
    ((version, group),) = kinds
    given.result.write_text(json.dumps({"version": version, "group": group, "addresses": addresses}) + "\n")


if __name__ == "__main__":
    main()
