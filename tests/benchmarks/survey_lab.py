"""The lab at the ports that mail tools insist on: DNS 53, SMTP 25, HTTPS 443. In a network namespace only.

python -m tests.benchmarks.survey_lab (the options of `crawler.lab.serve`)
"""

import socket
import sys

from crawler.lab import dns_server, listening, serve

_SMTP_AND_HTTPS = iter((25, 443))


class _AtPort53(socket.socket):
    """A socket that takes port 53 where any free one is asked for."""

    def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]  # IPv4 alone
        """Bind."""
        super().bind((address[0], address[1] or 53))


class _Sockets:
    """The module `socket` with that socket in it."""

    socket = _AtPort53

    def __getattr__(self, name: str) -> object:
        return getattr(socket, name)


if __name__ == "__main__":
    listening._free_port = lambda: next(_SMTP_AND_HTTPS)
    vars(dns_server)["socket"] = _Sockets()
    sys.exit(serve.main())
