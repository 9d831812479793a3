"""SMTP replies (RFC 5321 s4.2) and what the reply to EHLO says (s4.1.1.1, RFC 3207)."""

import re
from collections.abc import Sequence

from crawler.protocol.text import printable
from crawler.records import Reply

MAXIMUM_LINES = 100
"""Lines of one reply: no EHLO reply in the wild has a third of that."""
MAXIMUM_REPLY_OCTETS = 65536
"""Octets of one reply, reached or passed at the end of a line that is not the last."""
MAXIMUM_LINE_OCTETS = 2048
"""Octets of one line, its end included: four times what s4.5.3.1.5 allows, and what Postfix reads at most."""


class SmtpError(ValueError):
    """Octets that are no SMTP reply; the message says what is wrong with them."""


class MalformedReply(SmtpError):  # noqa: N818 (named after its word in outcomes.Failure)
    """A reply that breaks the grammar."""


class ReplyTooLong(SmtpError):  # noqa: N818 (named after its word in outcomes.Failure)
    """A reply beyond the limits."""


# Reply-code = %x32-35 %x30-35 %x30-39; but 571 and its like are in wide use, so any second digit will do.
# Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF, and a textstring
# is printable ASCII and HT; but real greetings hold other octets too, and they do no harm.
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_LINE_BEGUN = re.compile(rb"(?:[2-5](?:[0-9](?:[0-9](?:[ -].*|\r)?)?)?)?", re.DOTALL)
_WHOLE = re.compile(rb"([2-5][0-9]{2})(?:-[^\n]*\n\1)*(?: [^\n]*|\r)?\n")
"""What most replies are: all of it at once, nothing behind it, one code."""
_ENOUGH = 5
"""Octets that tell whether a line begins as a reply line."""


class ReplyReader:
    """Reads replies from octets as they come, in pieces of any size.

    A line may end in LF alone. After an error the same error is raised again: there is no way to find the
    next reply.
    """

    def __init__(self) -> None:
        """Start at the beginning of a reply."""
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._line_start = 0
        self._searched = 0
        self._code = b""

    def feed(self, octets: bytes) -> None:
        """Take octets that arrived. Call `next_reply` before feeding again: it keeps the limits."""
        self._buffer += octets

    @property
    def unread(self) -> bytes:
        """What arrived after the last whole reply."""
        return bytes(self._buffer)

    def next_reply(self) -> Reply | None:
        """Return the next whole reply, None if more octets are needed; raises SmtpError."""
        if not self._buffer:
            return None
        if not self._lines and self._is_one_reply():
            return self._take_all()
        while True:
            if len(self._lines) >= MAXIMUM_LINES or self._line_start >= MAXIMUM_REPLY_OCTETS:
                raise ReplyTooLong(f"no end after {len(self._lines)} lines, {self._line_start} octets")
            end = self._buffer.find(b"\n", self._searched)
            self._check_line(end if end >= 0 else len(self._buffer))
            if end < 0:
                self._searched = len(self._buffer)
                return None
            is_last = self._read_line(bytes(self._buffer[self._line_start : end]).removesuffix(b"\r"))
            self._line_start = self._searched = end + 1
            if is_last:
                return self._finish()

    def _is_one_reply(self) -> bool:
        """Whether what is there is one ordinary reply, far below every limit."""
        return (
            len(self._buffer) <= MAXIMUM_LINE_OCTETS
            and _WHOLE.fullmatch(self._buffer) is not None
            and self._buffer.count(b"\n") <= MAXIMUM_LINES
        )

    def _take_all(self) -> Reply:
        octets = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return Reply(code=int(octets[:3]), lines=_texts(octets))

    def _check_line(self, end: int) -> None:
        """Check what can be told of a line before it has ended."""
        # A peer that speaks another protocol may never end its line: that is known now, not at a time limit.
        if not _LINE_BEGUN.fullmatch(self._buffer[self._line_start : min(end, self._line_start + _ENOUGH)]):
            raise MalformedReply("a line that begins with no reply code")
        if end - self._line_start >= MAXIMUM_LINE_OCTETS:
            raise ReplyTooLong(f"a line over {MAXIMUM_LINE_OCTETS} octets")

    def _read_line(self, line: bytes) -> bool:
        """Add one line to the reply; return whether it is the last."""
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise MalformedReply("a line that is no reply line")
        code, separator, text = parts.groups()
        # s4.2.1: the code is the same on every line. Which one counts when it is not, senders disagree on.
        # But a refusal that breaks a reply off is one: postscreen says 220- and then 421, 450 or 521.
        if self._lines and code != self._code and not (self._code < b"4" <= code):
            raise MalformedReply(f"code {code.decode()} in a reply that began with {self._code.decode()}")
        self._code = code
        self._lines.append(text or b"")
        return separator != b"-"

    def _finish(self) -> Reply:
        reply = Reply(code=int(self._code), lines=tuple(map(printable, self._lines)))
        del self._buffer[: self._line_start]
        self._lines = []
        self._line_start = self._searched = 0
        return reply


def _texts(octets: bytes) -> tuple[str, ...]:
    """Return the texts of the lines of a whole reply."""
    text = octets.decode("latin-1")
    # Nearly all replies are printable as they stand, which is seen faster of all lines at once: 3 us
    # for a reply to EHLO.
    if text.isascii() and text.replace("\r\n", "").isprintable() and "\\" not in text:
        return tuple([line[4:] for line in text.split("\r\n")[:-1]])
    return tuple([printable(line[4:].removesuffix(b"\r")) for line in octets.split(b"\n")[:-1]])


# Reply lines hold text as `printable` makes it. Blanks that the grammar does not allow before or after a
# keyword are forgiven, as by the senders in wide use: to try STARTTLS shows what it is worth.
_BLANK = r"(?: |\\x09|\\x0D)"
_STARTTLS = re.compile(rf"{_BLANK}*STARTTLS(?:{_BLANK}.*)?", re.IGNORECASE | re.ASCII)
_STRIPPED = re.compile(rf"{_BLANK}*X{{4,}}[A-Z]?{_BLANK}*", re.ASCII)
# Middleboxes that mask a greeting leave the digits of its code and the spaces (Cisco PIX and ASA do).
_MASKED = frozenset("*02 ")


def ehlo_keywords(reply: Reply) -> tuple[str, ...]:
    """Return the keywords of a reply to EHLO with their parameters, as sent; none unless it is 250.

    The first line is the server's name and greeting, never a keyword (s4.1.1.1).
    """
    return tuple(line for line in reply.lines[1:] if line) if reply.code == 250 else ()


def offers_starttls(keywords: Sequence[str]) -> bool:
    """Whether STARTTLS is among EHLO keywords: the whole keyword, in any case, whatever follows it."""
    return any(_STARTTLS.fullmatch(keyword) for keyword in keywords)


def has_stripped_keyword(keywords: Sequence[str]) -> bool:
    """Whether a keyword overwritten with X stands in the place of STARTTLS: XXXXXXXA, and no STARTTLS."""
    return not offers_starttls(keywords) and any(_STRIPPED.fullmatch(keyword) for keyword in keywords)


def is_masked_greeting(reply: Reply) -> bool:
    """Whether a greeting was overwritten with stars on its way: 220 ****0****2*."""
    return reply.code == 220 and all(_MASKED.issuperset(line) and "***" in line for line in reply.lines)
