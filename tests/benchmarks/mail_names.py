"""The names that the DNS benchmarks ask for: what is published at each follows from its number."""

from collections.abc import Iterator
from pathlib import Path

ZONE = "bench.example"
TOKEN_NAME = f"token.{ZONE}"

Answer = tuple[str, tuple[tuple[int, str], ...]]
"""Status as the crawler's words, and the MX records as (preference, exchange), sorted."""

_PERIOD = 50
"""Of so many names one has no MX record, and one does not exist."""
_WITHOUT_MX = 7
_ABSENT = 8
_PROVIDERS = 997
_TTL_SECONDS = 3600


def name_of(number: int) -> str:
    """Return the name with a number."""
    return f"d{number:07}.{ZONE}"


def number_of(name: str) -> int:
    """Return the number of a name."""
    return int(name.partition(".")[0][1:])


def truth_of(number: int) -> Answer:
    """Return what a lookup of the name's MX records must give."""
    if number % _PERIOD == _ABSENT:
        return "nxdomain", ()
    if number % _PERIOD == _WITHOUT_MX:
        return "nodata", ()
    provider = f"p{number % _PROVIDERS}.example"
    return "noerror", tuple((10 * k, f"mx{k}.{provider}") for k in range(1, 2 + number % 3))


def write_list(path: Path, count: int) -> None:
    """Write the first names, one a line."""
    with path.open("w") as file:
        file.writelines(f"{name_of(number)}\n" for number in range(count))


def write_zone(path: Path, count: int, token: str) -> None:
    """Write a zone with what is published at the first names, and the token of this run."""
    with path.open("w") as file:
        file.write(f"$ORIGIN {ZONE}.\n$TTL {_TTL_SECONDS}\n")
        file.write(f"@ SOA ns.{ZONE}. hostmaster.{ZONE}. 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n")
        file.write(f'{TOKEN_NAME}. TXT "{token}"\n')
        file.writelines(_records(count))


def _records(count: int) -> Iterator[str]:
    for number in range(count):
        status, records = truth_of(number)
        owner = name_of(number).partition(".")[0]
        if status == "nodata":
            yield f"{owner} A 192.0.2.1\n"
        for preference, exchange in records:
            yield f"{owner} MX {preference} {exchange}.\n"
