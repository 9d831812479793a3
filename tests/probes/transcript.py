"""What real mail servers said, as files: one line for each line, action or event of a session.

`S` a line of the server and `C` one of the client, without its CRLF; `PAUSE` seconds; `TLS` a handshake, with
the server's alert if one ended it; `CLOSED` the server closed the connection. A first line says whose it is.
"""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crawler.lab.script import Action, Close, Line, Octets, Pause, Tls
from tests.probes.peers import server_context

FOLDER = Path(__file__).parent / "transcripts"

_VARIABLE = (
    (re.compile(r"\w{3}, +\d{1,2} \w{3} \d{4} [\d:]{8} (?:GMT|[+-]\d{4})"), "<date>"),
    (re.compile(r"\b(Exim|Sendmail) \d[\w./+~-]*"), r"\1 <version>"),
    (re.compile(r"\b(?:127\.0\.0\.\d|localhost\d?)\b"), "<client>"),
)


@dataclass(frozen=True)
class Transcript:
    """A recorded session."""

    origin: str
    """The release and the package: Debian 12, exim4-daemon-light."""
    events: tuple[str, ...]


def names() -> list[str]:
    """Return the names of the transcripts that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def load(name: str) -> Transcript:
    """Read a transcript."""
    origin, *events = (FOLDER / f"{name}.txt").read_text(encoding="ascii").splitlines()
    return Transcript(origin, tuple(events))


def save(name: str, transcript: Transcript) -> None:
    """Write a transcript."""
    FOLDER.mkdir(exist_ok=True)
    lines = (transcript.origin, *transcript.events, "")
    (FOLDER / f"{name}.txt").write_text("\n".join(lines), encoding="ascii")


def without_variables(text: str) -> str:
    """Replace what differs from run to run and from version to version."""
    for pattern, replacement in _VARIABLE:
        text = pattern.sub(replacement, text)
    return text


def constant_events(transcript: Transcript) -> list[str]:
    """Return what a later recording of the same server must say again."""
    return [re.sub(r"^PAUSE .*", "PAUSE", without_variables(event)) for event in transcript.events]


def script(transcript: Transcript) -> Sequence[Action]:
    """Return the script of a peer that says what the server said, when it said it."""
    actions: list[Action] = []
    for event in transcript.events:
        kind, _, text = event.partition(" ")
        match kind:
            case "S":
                actions.append(f"{text}\r\n".encode("ascii"))
            case "C":
                actions.append(Line())
            case "PAUSE":
                actions.append(Pause(float(text)))
            case "TLS" if text:
                actions += [Octets(), _alert(text)]
            case "TLS":
                actions.append(Tls(server_context()))
            case "CLOSED":
                actions.append(Close())
            case _:
                raise ValueError(f"no event of a transcript: {event!r}")
    return actions


def _alert(name: str) -> bytes:
    """Return the record of a fatal alert."""
    code = ssl.AlertDescription[f"ALERT_DESCRIPTION_{name.upper()}"]
    return bytes([0x15, 3, 3, 0, 2, 2, code])
