"""What the files of a run should hold: the SHA-256 of each, noted before the file takes its name."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from crawler.storing.object_store import ObjectPath


class Digests:
    """The digests noted in one run folder, in a file that `sha256sum --check` reads.

    Every process of the run adds lines to it. A file that was written again has several digests: which of
    them it should have depends on when the power went, so each is right. Nothing is added to an object of a
    store: there each digest is the name of an object without content, below the name of the file.
    """

    def __init__(self, folder: Path) -> None:
        """Name the run folder; nothing is read yet."""
        self._folder = folder
        self._journal = folder / "work" / "files.sha256"

    def note(self, path: Path, written: Path | None = None) -> None:
        """Note the digest of a file of the run; `written` is where it stands until it takes its name."""
        digest = sha256_of(written or path)
        if isinstance(self._journal, ObjectPath):
            (self._journal / self._name(path) / digest).write_bytes(b"")
            return
        line = f"{digest}  {self._name(path)}\n"
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        # The line end before it: a line cut short by a full disk spoils none but itself.
        with self._journal.open("ab", buffering=0) as journal:
            journal.write(f"\n{line}".encode())
            os.fsync(journal.fileno())

    def read(self) -> Mapping[str, set[str]]:
        """Return the digests that each file may have, by its path within the run."""
        noted: defaultdict[str, set[str]] = defaultdict(set)
        if isinstance(self._journal, ObjectPath):
            for path, _ in self._journal.objects():
                noted[path.parent.relative_to(self._journal).as_posix()].add(path.name)
        elif self._journal.exists():
            for line in self._journal.read_text(encoding="utf-8", errors="replace").splitlines():
                digest, separator, name = line.partition("  ")
                if separator:
                    noted[name].add(digest)
        return noted

    def is_damaged(self, path: Path, noted: Mapping[str, set[str]]) -> bool:
        """Tell whether a file is not as it was written; one whose digest is not known is taken as it is."""
        digests = noted.get(self._name(path))
        return digests is not None and sha256_of(path) not in digests

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
