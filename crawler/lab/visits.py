"""Which addresses have had their first connection, kept over restarts of the same lab.

A survey that is stopped and goes on meets the lab started anew: what was well by then must stay well.
"""

from collections.abc import Collection
from pathlib import Path

from crawler.lab.internet import ANY_ATTEMPT, Internet
from crawler.lab.lookups import Row


class Visits:
    """Addresses visited: in a file, one a line, or in memory alone."""

    def __init__(self, file: Path | None = None) -> None:
        """Begin with what the file says, if there is one. Raises OSError for one that cannot be read."""
        self._file = file
        self.addresses: set[str] = set()
        if file is not None and file.exists():
            self.addresses.update(file.read_text(encoding="ascii").split())

    def is_first(self, address: str) -> bool:
        """Count a connection with an address, and return whether none came before."""
        if address in self.addresses:
            return False
        self.addresses.add(address)
        if self._file is not None:
            with self._file.open("a", encoding="ascii") as lines:
                lines.write(f"{address}\n")
        return True


def leave_attempts_open(internet: Internet, visited: Collection[str]) -> None:
    """Declare of servers that pass, where visited in an earlier life of this lab, only how they end.

    Whether the survey kept the first session or must begin again, the lab cannot know.
    """
    begun = {s.address for s in internet.mail_servers.values() if s.first and s.address in visited}
    if not begun:
        return
    sessions: list[Row] = []
    for row in internet.truth["sessions"]:
        if row["address"] not in begun:
            sessions.append(row)
        elif row["attempt"] == 1:
            sessions.append({name: row[name] for name in ("mx_host", "address")} | {"attempt": ANY_ATTEMPT})
    internet.truth["sessions"] = sessions
    for row in internet.truth["session_verdicts"]:
        if row["address"] in begun:
            del row["attempt"]
