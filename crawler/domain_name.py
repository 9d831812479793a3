"""The domains of a list in one form: A-labels, lower case, without final dot."""

import ipaddress

import idna

from crawler.outcomes import Rejection

MAX_NAME_OCTETS = 253
"""RFC 1035 s2.3.4: 255 octets on the wire."""
MAX_LABEL_OCTETS = 63

_LETTERS_DIGITS_HYPHEN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class RejectedNameError(ValueError):
    """A text that is no domain of a list; `reason` says why."""

    def __init__(self, reason: Rejection) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


def normalize(text: str) -> str:
    """Return a domain as A-labels (IDNA 2008 with UTS 46 mapping), lower case, without final dot.

    Raises RejectedNameError if the text is none.
    """
    name = text.strip()
    if not name:
        raise RejectedNameError(Rejection.BLANK)
    if "://" in name or "/" in name:
        raise RejectedNameError(Rejection.URL)
    if "@" in name:
        raise RejectedNameError(Rejection.EMAIL_ADDRESS)
    if _is_address(name):
        raise RejectedNameError(Rejection.IP_ADDRESS)
    name = name.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").removesuffix(".")
        except (idna.IDNAError, UnicodeError):
            raise RejectedNameError(Rejection.INVALID_IDN) from None
    return _checked(name)


def _is_address(text: str) -> bool:
    host = text.strip("[]")
    if not host[-1:].isdigit() and ":" not in host:
        return False  # nearly all names end here: an exception for each would cost as much as all the rest
    candidates = (host, host.rpartition(":")[0]) if host.count(":") == 1 else (host,)
    for candidate in candidates:
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return True
    return False


def _checked(name: str) -> str:
    if len(name) > MAX_NAME_OCTETS:
        raise RejectedNameError(Rejection.NAME_TOO_LONG)
    labels = name.split(".")
    for label in labels:
        if len(label) > MAX_LABEL_OCTETS:
            raise RejectedNameError(Rejection.LABEL_TOO_LONG)
        if not label or not _LETTERS_DIGITS_HYPHEN.issuperset(label) or "-" in (label[0], label[-1]):
            raise RejectedNameError(Rejection.NOT_A_DOMAIN)
    if len(labels) == 1:
        raise RejectedNameError(Rejection.SINGLE_LABEL)
    if labels[-1].isdigit():
        raise RejectedNameError(Rejection.NOT_A_DOMAIN)
    return name
