"""What was made of a run, and of what: so that only what changed is made again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.whole_file import whole_file

_NOTES = "figures/made.json"


class Made:
    """The notes in RUN/figures/made.json: for each file, what it was made of, and its octets.

    A file is kept if it was made of the same and still is what was written; notes that cannot be read say
    nothing of any file.
    """

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder
        try:
            self._notes: dict[str, Any] = dict(json.loads((run_folder / _NOTES).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._notes = {}

    def is_kept(self, name: str, made_of: str) -> bool:
        """Return whether a file, named by its path in the run folder, need not be made again."""
        try:
            return bool(self._notes.get(name) == [made_of, file_digest(self._folder / name)])
        except OSError:
            return False

    def note(self, name: str, made_of: str) -> None:
        """Note a file that was just written."""
        self._notes[name] = [made_of, file_digest(self._folder / name)]

    def save(self) -> None:
        """Write the notes down, without those of files that are gone."""
        notes = {name: note for name, note in self._notes.items() if (self._folder / name).exists()}
        with whole_file(self._folder / _NOTES) as file:
            file.write(json.dumps(notes, indent=1, sort_keys=True) + "\n")


def digest_of(*parts: object) -> str:
    """Return the SHA-256 of what JSON can say, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while octets := file.read(1 << 20):
            digest.update(octets)
    return digest.hexdigest()


def data_digest(run_folder: Path, run: Mapping[str, Any]) -> str:
    """Return the digest of a run's tables: by what run.json says of each part file, else by the files."""
    parts = run.get("parts") or {
        str(path.relative_to(run_folder)): file_digest(path)
        for path in sorted(run_folder.glob("*/*.parquet"))
    }
    return digest_of(parts)
