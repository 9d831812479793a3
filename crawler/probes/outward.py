"""The address that this machine sends from."""

import socket


def outward_address(towards: str) -> str | None:
    """Return the address of this machine that packets to another leave from; None without a route there.

    No packet is sent: connecting a UDP socket only looks at the routes.
    """
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
            endpoint.connect((towards, 9))
            address: str = endpoint.getsockname()[0]
    except OSError:
        return None
    return address
