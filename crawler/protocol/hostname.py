"""Host names (RFC 1123 s2.1), and why an MX exchange may be none."""

import ipaddress
import re

from crawler.outcomes import UnusableExchange

# RFC 952 and 1123: letters, digits and inner hyphens; the last label is never all digits, so that no
# host name reads like an IPv4 address. Underscores are for service names, not for hosts.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}", re.ASCII | re.IGNORECASE)
_MAXIMUM_LENGTH = 253
"""Octets, in text form without a final dot: 255 on the wire (RFC 1035 s2.3.4)."""

_ESCAPED_CHARACTER = re.compile(r"\\(?:[0-9]{3}|.)", re.DOTALL)
_ADDRESS_TAG = "ipv6:"


def is_hostname(name: str) -> bool:
    """Whether a name is a host name: A-labels, any case, no final dot. A single label is one too."""
    return len(name) <= _MAXIMUM_LENGTH and _HOSTNAME.fullmatch(name) is not None


def classify_exchange(exchange: str) -> UnusableExchange | None:
    """Return why an MX exchange can be no mail host, None if it can; the first reason of the vocabulary.

    The exchange is in presentation form as `dns_wire` makes it: lower case, odd octets escaped, "." the root.
    """
    if is_hostname(exchange) and "." in exchange and not exchange.endswith(".localhost"):
        return None  # nearly all: before reading what else it might be
    if exchange == ".":
        return UnusableExchange.ROOT
    if _is_ip_literal(exchange):
        return UnusableExchange.IP_LITERAL
    if exchange == "localhost" or exchange.endswith(".localhost"):
        return UnusableExchange.LOCALHOST
    if "." not in _ESCAPED_CHARACTER.sub("", exchange):
        return UnusableExchange.SINGLE_LABEL
    if not is_hostname(exchange):
        return UnusableExchange.NOT_A_HOSTNAME
    return None


def _is_ip_literal(exchange: str) -> bool:
    """Whether an exchange is an address: bare, or as a mail address literal (RFC 5321 s4.1.3)."""
    # Dots that stand inside one label arrive escaped: the zone file said "192\.0\.2\.1".
    text = exchange.replace("\\.", ".")
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].removeprefix(_ADDRESS_TAG)
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
