"""A run that left names to samples, held against the truth."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.lab.comparison import Comparison, compare
from crawler.lab.internet import Internet
from crawler.lab.truth import write_truth

Row = dict[str, Any]
CHAINS = {"usual": ("aa",), "odd": ("bb",)}
NAMES = 100
ODD = 3
"""How many of the names are odd: the last ones."""


def endpoint(n: int, **columns: Any) -> Row:
    return {"mx_host": f"c{n}.test", "address": "127.0.0.1", **columns}


def order(n: int) -> str:
    return "usual" if n < NAMES - ODD else "odd"


def truth_of(names: int) -> Internet:
    rows = range(names)
    return Internet(
        truth={
            "domains": [{"domain": f"d{n}.test", "mx_kind": "explicit"} for n in rows],
            "sessions": [endpoint(n, attempt=1, stage="hello_tls", tls={"chain": (order(n),)}) for n in rows],
            "certificates": [{"sha256": word, "key_type": "ec"} for word in CHAINS],
            "session_verdicts": [
                endpoint(n, attempt=1, basis="direct", pkix_ok=order(n) == "usual") for n in rows
            ],
            "domain_verdicts": [
                {"domain": f"d{n}.test", "primary_pkix_ok": order(n) == "usual"} for n in rows
            ],
        },
        odd_hosts=[("c99.test", "127.0.0.1"), ("c98.test", "127.0.0.1"), ("c97.test", "127.0.0.1")],
    )


def run_of(asked: int) -> dict[str, list[Row]]:
    """Return a run that asked the first names, and left the others to them."""
    sessions, verdicts = [], []
    for n in range(NAMES):
        if n < asked:
            sessions.append(endpoint(n, attempt=1, stage="hello_tls", failure=None, tls={"chain": ["aa"]}))
            verdicts.append(endpoint(n, attempt=1, basis="direct", sample_bound=None, pkix_ok=True))
        else:
            sessions.append(endpoint(n, attempt=1, stage="not_attempted", failure="sampled", tls=None))
            verdicts.append(endpoint(n, attempt=2, basis="inferred", sample_bound=3 / asked, pkix_ok=True))
    mx = [{"records": [{"preference": 10, "exchange": f"c{n}.test"}]} for n in range(NAMES)]
    return {
        "domains": [{"domain": f"d{n}.test", "mx_kind": "explicit", "mx": mx[n]} for n in range(NAMES)],
        "sessions": sessions,
        "certificates": [{"sha256": "aa", "key_type": "ec"}],
        "session_verdicts": verdicts,
        "domain_verdicts": [{"domain": f"d{n}.test", "primary_pkix_ok": True} for n in range(NAMES)],
    }


def compared(folder: Path, run: dict[str, list[Row]]) -> Comparison:
    write_truth(truth_of(NAMES), CHAINS, folder / "truth")
    for table, rows in run.items():
        (folder / "run" / table).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "run" / table / "part.parquet")
    return compare(folder / "run", folder / "truth")


def test_odd_hosts_outside_a_sample_are_no_disagreement_within_its_bound(tmp_path: Path) -> None:
    comparison = compared(tmp_path, run_of(asked=50))
    assert comparison.odd.missed == 3
    assert comparison.odd.bound == pytest.approx(50 * 3 / 50)
    assert comparison.odd.is_within_bound
    assert comparison.disagreements == 0
    assert comparison.sampled == 50


def test_more_odd_hosts_than_the_bound_allows_count_with_all_that_follows(tmp_path: Path) -> None:
    run = run_of(asked=50)
    for row in run["session_verdicts"]:
        row["sample_bound"] = row["sample_bound"] and 0.05
    comparison = compared(tmp_path, run)
    assert comparison.odd.missed == 3
    assert comparison.odd.bound == pytest.approx(2.5)
    assert comparison.disagreements == 3 + 3 + 1  # verdicts, domains' verdicts, the certificate


def test_an_inferred_verdict_of_a_host_that_is_not_odd_must_be_right(tmp_path: Path) -> None:
    run = run_of(asked=50)
    run["session_verdicts"][60]["pkix_ok"] = False
    assert compared(tmp_path, run).disagreements == 1


def test_verdicts_left_to_a_sample_are_compared_but_for_whose_session_they_stand_on(tmp_path: Path) -> None:
    columns = {c.column: c.compared for c in compared(tmp_path, run_of(asked=50)).columns}
    assert columns["pkix_ok"] == NAMES - ODD
    assert columns["basis"] == 50
    assert columns["stage"] == 50


def test_an_endpoint_left_to_a_sample_that_does_not_exist_is_extra(tmp_path: Path) -> None:
    run = run_of(asked=50)
    run["sessions"].append(run["sessions"][-1] | {"mx_host": "nowhere.test"})
    assert compared(tmp_path, run).disagreements == 1
