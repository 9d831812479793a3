"""Domain lists made by hand."""

import itertools
from collections.abc import Iterable

import numpy as np

from crawler.listed import NAMED_LINES, ListedDomains
from crawler.storing.row_store import RowStore


def listed_domains(
    names: Iterable[str], ranks: Iterable[int | None] = itertools.repeat(None)
) -> ListedDomains:
    """Return names as a list that was read gives them."""
    rows = RowStore(NAMED_LINES)
    for line, (name, rank) in enumerate(zip(names, ranks, strict=False), start=1):
        rows.add(line, name, rank, None, None)
    return ListedDomains(rows, np.zeros(len(rows), bool))
