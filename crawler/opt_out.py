"""The opt-out file: domains, with all below them, and networks that are never asked anything.

A plain text file in UTF-8. On each line stands a domain, an address, or a network in CIDR form; what follows
a `#` is a comment. A name that is an alias (CNAME) of one that is covered is covered too.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from crawler.domain_name import RejectedNameError, normalize
from crawler.protocol.addresses import embedded_ipv4
from crawler.records import Lookup
from crawler.settings import SettingsError
from crawler.storing.object_store import place

_SHOWN_CHARACTERS = 80
"""How much of a bad line is shown."""


class OptOutError(SettingsError):
    """An opt-out file that cannot be read as one; the message names file, line and reason."""


class OptOut:
    """Who is never asked. Lookups take as many steps as a name has labels, or the file has prefix lengths."""

    def __init__(
        self,
        domains: Iterable[str] = (),
        networks: Iterable[IPv4Network | IPv6Network] = (),
        sha256: str | None = None,
    ) -> None:
        """Take domains as A-labels in lower case without final dot; nothing at all covers nothing."""
        self.sha256 = sha256
        """Digest of the file's octets; None: there is no file."""
        self._domains = frozenset(domains)
        self._networks: dict[tuple[int, int], set[int]] = {}
        """By version and length of the host part: the prefixes as numbers, without the host part."""
        for network in networks:
            host_bits = network.max_prefixlen - network.prefixlen
            prefixes = self._networks.setdefault((network.version, host_bits), set())
            prefixes.add(int(network.network_address) >> host_bits)

    @property
    def size(self) -> int:
        """Distinct domains and networks."""
        return len(self._domains) + sum(map(len, self._networks.values()))

    @classmethod
    def load(cls, path: str) -> "OptOut":
        """Read an opt-out file; an empty path, as in the setting's default, is none.

        Raises OptOutError for a file that cannot be read, is not UTF-8, or has a line that is neither domain
        nor network: a line passed over would be somebody asked against their will.
        """
        if not path:
            return cls()
        try:
            octets = place(path).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = error.strerror if isinstance(error, OSError) else error
            raise OptOutError(f"setting opt_out: {path!r}: {why}") from error
        domains: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for number, line in enumerate(octets.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
            try:
                entry = line.decode("utf-8").partition("#")[0].strip()
                if not entry:
                    continue
                network = _network(entry)
                if network is None:
                    domains.add(normalize(entry))
                else:
                    networks.append(network)
            except (ValueError, RejectedNameError) as error:
                raise OptOutError(f"setting opt_out: {path}:{number}: {_reason(line, error)}") from None
        return cls(domains, networks, hashlib.sha256(octets).hexdigest())

    def covers_name(self, name: str) -> bool:
        """Return whether a name (lower case, no final dot), or a domain that it lies below, is named."""
        if not self._domains:
            return False
        below = "."
        while below:
            if name in self._domains:
                return True
            _, below, name = name.partition(".")
        return False

    def covers_address(self, address: str) -> bool:
        """Return whether an address, or the IPv4 address that it stands for, is in a network that is named.

        Raises ValueError for what is no address.
        """
        if not self._networks:
            return False
        parsed = ipaddress.ip_address(address)
        inner = embedded_ipv4(parsed) if isinstance(parsed, IPv6Address) else None
        return self._has(parsed) or (inner is not None and self._has(inner))

    def covers_alias(self, lookup: Lookup) -> bool:
        """Return whether the name looked up is an alias of one that is covered."""
        return any(self.covers_name(step.target) for step in lookup.cname_chain)

    def _has(self, address: IPv4Address | IPv6Address) -> bool:
        number, version = int(address), address.version
        return any(
            number >> host_bits in prefixes
            for (of_version, host_bits), prefixes in self._networks.items()
            if of_version == version
        )


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """Return the network that an entry is; None if it can only be a domain. Raises ValueError."""
    if "/" not in entry and ":" not in entry and not entry[-1].isdigit():
        return None  # nearly all domains end here: an exception for each would cost more than all the rest
    if "%" in entry:
        raise ValueError("an address with a zone")
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        if "/" in entry or ":" in entry:
            raise
        return None


def _reason(line: bytes, error: ValueError | RejectedNameError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    why = error.reason.meaning if isinstance(error, RejectedNameError) else str(error)
    shown = ascii(line.decode("utf-8").strip()[:_SHOWN_CHARACTERS])
    return f"{shown} is neither a domain nor a network ({why[: 2 * _SHOWN_CHARACTERS]})"
