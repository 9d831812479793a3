"""The names that the survey benchmarks list: distinct registrable domains under many public suffixes."""

from pathlib import Path
from random import Random

_SUFFIXES = {
    "com": 45, "net": 5, "org": 6, "de": 7, "co.uk": 4, "nl": 3, "fr": 3, "it": 2, "pl": 2, "com.br": 3,
    "com.au": 2, "ch": 2, "se": 2, "cz": 1, "eu": 2, "info": 2, "co.jp": 2, "in": 2, "io": 1, "gov": 1,
    "xn--p1ai": 1, "shop": 1, "xyz": 1,
}  # fmt: skip
"""Public suffix to weight: roughly as registered domains spread."""
_SYLLABLES = (
    "al",
    "be",
    "cor",
    "da",
    "el",
    "fin",
    "go",
    "har",
    "in",
    "jo",
    "ka",
    "lum",
    "mo",
    "nor",
    "pa",
    "ri",
)


def write_names(path: Path, count: int) -> None:
    """Write the first names, one a line. The same count gives the same names; a shorter list is a prefix."""
    rng = Random(1)
    suffixes, weights = list(_SUFFIXES), list(_SUFFIXES.values())
    with path.open("w", encoding="ascii") as file:
        for number in range(count):
            suffix = rng.choices(suffixes, weights)[0]
            file.write(f"{''.join(rng.choices(_SYLLABLES, k=3))}{number}.{suffix}\n")
