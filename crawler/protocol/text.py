"""Octets that a peer sent, as text that is safe to store and show, and back."""

import re

_PRINTABLE = {code: f"\\x{code:02X}" for code in range(256) if not 0x20 <= code <= 0x7E} | {0x5C: "\\\\"}
_ESCAPE = re.compile(rb"\\(?:x([0-9A-F]{2})|\\)")


def printable(octets: bytes) -> str:
    """Return octets as printable ASCII: any other octet as \\xHH, a backslash as \\\\.

    Two different inputs never give the same text. The caller bounds the length, which grows at most fourfold.
    """
    text = octets.decode("latin-1")
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return text.translate(_PRINTABLE)


def original_octets(text: str) -> bytes:
    """Return the octets that `printable` made text of; characters it never makes stand for their UTF-8."""
    return _ESCAPE.sub(
        lambda escape: bytes.fromhex(escape[1].decode()) if escape[1] else b"\\",
        text.encode("utf-8", "replace"),
    )
