import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crawler.lab.associations import association, fill_associations, find_associations
from crawler.lab.authority import make_authority
from crawler.lab.comparison import Comparison, TruthError, compare, confusion
from crawler.lab.internet import ANY_ATTEMPT, CertificateOrder, DnsAnswer, Internet
from crawler.lab.truth import TRUTH_KEYS, write_truth
from crawler.lab.world import TRUTH_TABLES
from crawler.records import TABLE_KEYS

Row = dict[str, Any]
Folders = Callable[[dict[str, list[Row]], dict[str, list[Row]]], tuple[Path, Path]]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHAINS = {"good": ("aa", "bb"), "rooted": ("cc", "bb", "dd"), "twin": ("aa", "bb")}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Write a truth and a run."""

    def make(truth: dict[str, list[Row]], run: dict[str, list[Row]]) -> tuple[Path, Path]:
        write_truth(Internet(truth=truth), CHAINS, tmp_path / "truth")
        for table, rows in run.items():
            (tmp_path / "run" / table).mkdir(parents=True)
            whole = pa.Table.from_pylist(rows)
            for n in range(len(rows)):
                pq.write_table(whole.slice(n, 1), tmp_path / "run" / table / f"{n:03}.parquet")
        return tmp_path / "run", tmp_path / "truth"

    return make


def wrong(comparison: Comparison) -> dict[str, tuple[int, int]]:
    return {
        f"{c.table}.{c.column}": (c.compared, c.agreed) for c in comparison.columns if c.compared != c.agreed
    }


def domain(name: str, **columns: Any) -> Row:
    return {"domain": name, **columns}


def test_a_run_that_found_everything_has_no_disagreement(folders: Folders) -> None:
    rows = [
        domain("a.gov", mx={"status": "noerror", "records": [{"preference": 10, "exchange": "mx.a.gov"}]})
    ]
    comparison = compare(*folders({"domains": rows}, {"domains": rows}))
    assert comparison.disagreements == 0
    assert [(c.column, c.compared, c.agreed) for c in comparison.columns if c.table == "domains"] == [
        ("mx.status", 1, 1),
        ("mx.records", 1, 1),
    ]


def test_planted_disagreements_are_found_in_their_column_with_key_expected_and_found(
    folders: Folders,
) -> None:
    truth = [domain(f"{n}.gov", mx={"status": "noerror", "extended_error": None}) for n in range(9)]
    run = [domain(f"{n}.gov", mx={"status": "noerror", "extended_error": None}) for n in range(9)]
    run[3]["mx"] = {"status": "servfail", "extended_error": 6}
    comparison = compare(*folders({"domains": truth}, {"domains": run}))
    assert wrong(comparison) == {"domains.mx.status": (9, 8), "domains.mx.extended_error": (9, 8)}
    (example,) = next(c for c in comparison.columns if c.column == "mx.status").examples
    assert (example.key, example.expected, example.found) == (("3.gov",), "noerror", "servfail")
    assert comparison.disagreements == 2


def test_missing_extra_and_repeated_rows_are_counted(folders: Folders) -> None:
    truth = [domain("a.gov", mx_kind="explicit"), domain("b.gov", mx_kind="explicit")]
    run = [domain(name, mx_kind="explicit") for name in ("b.gov", "c.gov", "b.gov")]
    comparison = compare(*folders({"domains": truth}, {"domains": run}))
    rows = next(agreement for agreement in comparison.rows if agreement.table == "domains")
    assert (rows.expected, rows.found, rows.missing, rows.extra) == (2, 3, 1, 2)
    assert [example.key for example in rows.missing_examples] == [("a.gov",)]
    assert [example.key for example in rows.extra_examples] == [("b.gov",), ("c.gov",)]
    assert comparison.disagreements == 3


def test_a_session_of_a_second_attempt_is_extra(folders: Folders) -> None:
    session = {"mx_host": "mx.a.gov", "address": "127.0.0.1", "attempt": 1, "stage": "hello"}
    comparison = compare(*folders({"sessions": [session]}, {"sessions": [session, session | {"attempt": 2}]}))
    assert comparison.disagreements == 1


@pytest.mark.parametrize(("attempts", "disagreements"), [((1,), 0), ((1, 2, 3), 0), ((), 1)])
def test_where_the_number_of_attempts_is_not_declared_any_will_do_but_none(
    folders: Folders, attempts: tuple[int, ...], disagreements: int
) -> None:
    session: Row = {"mx_host": "mx.a.gov", "address": "127.0.0.1"}
    other: Row = {"mx_host": "mx.b.gov", "address": "127.0.0.1", "attempt": 1, "stage": "hello"}
    truth = [session | {"attempt": ANY_ATTEMPT}, other]
    run = [session | {"attempt": attempt, "stage": "greeting"} for attempt in attempts]
    comparison = compare(*folders({"sessions": truth}, {"sessions": [*run, other]}))
    assert comparison.disagreements == disagreements


def test_a_table_that_the_run_does_not_have_is_all_missing(folders: Folders) -> None:
    comparison = compare(*folders({"domains": [domain("a.gov", mx_kind="explicit")]}, {}))
    assert comparison.disagreements == 1
    assert [(c.compared, c.agreed) for c in comparison.columns] == [(0, 0)]


def test_a_column_that_the_run_does_not_have_disagrees_in_every_row(folders: Folders) -> None:
    truth = [domain("a.gov", mx={"status": "noerror"}, mx_kind="explicit")]
    comparison = compare(*folders({"domains": truth}, {"domains": [domain("a.gov", mx="noerror")]}))
    assert wrong(comparison) == {"domains.mx.status": (1, 0), "domains.mx_kind": (1, 0)}
    assert comparison.columns[0].examples[0].found == "no such column"


def test_what_a_row_does_not_declare_is_not_compared(folders: Folders) -> None:
    truth = [domain("a.gov", verify_code=0), domain("b.gov", reason="expired")]
    run = [domain(name, verify_code=0, reason="expired") for name in ("a.gov", "b.gov")]
    comparison = compare(*folders({"domains": truth}, {"domains": run}))
    assert {c.column: c.compared for c in comparison.columns} == {"verify_code": 1, "reason": 1}
    assert comparison.disagreements == 0


def test_a_struct_declared_null_declares_everything_below_it_null(folders: Folders) -> None:
    tls = {"version": "TLSv1.3", "alert": {"side": "server", "code": 40}}
    truth = [domain("a.gov", tls=tls), domain("b.gov", tls=None), domain("c.gov", tls={"alert": None})]
    same = [domain("a.gov", tls=tls), domain("b.gov", tls=None), domain("c.gov", tls={"version": "x"})]
    assert compare(*folders({"domains": truth}, {"domains": same})).disagreements == 0


def test_a_struct_declared_null_disagrees_with_one_that_is_not(folders: Folders) -> None:
    truth = [domain("a.gov", tls={"version": "TLSv1.3"}), domain("b.gov", tls=None)]
    run = [domain("a.gov", tls={"version": "TLSv1.3"}), domain("b.gov", tls={"version": "TLSv1.2"})]
    assert wrong(compare(*folders({"domains": truth}, {"domains": run}))) == {"domains.tls.version": (2, 1)}


def test_a_struct_that_is_null_in_every_row_is_compared_whole(folders: Folders) -> None:
    run = [domain("a.gov", tls={"version": "TLSv1.2"})]
    assert wrong(compare(*folders({"domains": [domain("a.gov", tls=None)]}, {"domains": run}))) == {
        "domains.tls": (1, 0)
    }


def test_lists_are_compared_whole_and_an_empty_one_is_not_null(folders: Folders) -> None:
    truth = [domain("a.gov", texts=["x", "y"]), domain("b.gov", texts=[]), domain("c.gov", texts=[])]
    run = [domain("a.gov", texts=["y", "x"]), domain("b.gov", texts=None), domain("c.gov", texts=[])]
    assert wrong(compare(*folders({"domains": truth}, {"domains": run}))) == {"domains.texts": (3, 1)}


def test_lists_that_are_empty_in_every_row_agree(folders: Folders) -> None:
    truth = [domain("a.gov", records=[], body=None)]
    run = pa.Table.from_pylist(
        [domain("a.gov", records=[], body=None)],
        pa.schema(
            [
                ("domain", pa.string()),
                ("records", pa.list_(pa.struct([("preference", pa.int64())]))),
                ("body", pa.binary()),
            ]
        ),
    )
    run_folder, truth_folder = folders({"domains": truth}, {})
    (run_folder / "domains").mkdir(parents=True)
    pq.write_table(run, run_folder / "domains" / "0.parquet")
    assert compare(run_folder, truth_folder).disagreements == 0


def test_chains_and_associations_become_digests(folders: Folders) -> None:
    session = {"mx_host": "mx.a.gov", "address": "127.0.0.1", "attempt": 1}
    truth = session | {"tls": {"chain": ("rooted",)}}
    found = session | {"tls": {"chain": ["cc", "bb", "dd"]}}
    assert compare(*folders({"sessions": [truth]}, {"sessions": [found]})).disagreements == 0


def test_tlsa_records_are_declared_in_the_order_of_their_data_once_that_is_known(tmp_path: Path) -> None:
    fields: Row = {"usage": 3, "selector": 0, "matching_type": 1}
    right, wrong_one = fields | {"association_data": association("good", 0, 0, 1)}, "11" * 32
    records = [right, fields | {"association_data": wrong_one}]
    lookups = {"tlsa": {"records": records}, "tlsa_expanded": {"records": records}}
    session = {"mx_host": "mx.a.gov", "address": "127.0.0.1", "attempt": 1, **lookups}
    judged = [record | {"is_matched": record is right} for record in records]
    verdict = {"mx_host": "mx.a.gov", "address": "127.0.0.1", "tlsa_records": judged}
    internet = Internet(truth={"sessions": [session], "session_verdicts": [verdict]})
    write_truth(internet, CHAINS, tmp_path, {right["association_data"]: "ff" * 32})
    row = pq.read_table(tmp_path / "sessions.parquet").to_pylist()[0]
    for column in ("tlsa.records", "tlsa_expanded.records"):
        assert [record["association_data"] for record in row[column]] == [wrong_one, "ff" * 32]
    (verdict,) = pq.read_table(tmp_path / "session_verdicts.parquet").to_pylist()
    assert verdict["tlsa_records"] == [fields | {"is_matched": False}, fields | {"is_matched": True}]


def test_certificates_are_declared_with_those_sent_beside_them_each_once(folders: Folders) -> None:
    truth = [{"sha256": order, "key_type": "ec", "is_ca": False, "self_signed": False} for order in CHAINS]
    run = [
        {"sha256": "aa", "key_type": "ec", "is_ca": False, "self_signed": False},
        {"sha256": "bb", "key_type": "rsa", "is_ca": True, "self_signed": False},
        {"sha256": "cc", "key_type": "ec", "is_ca": False, "self_signed": False},
        {"sha256": "dd", "key_type": "rsa", "is_ca": True, "self_signed": True},
    ]
    assert compare(*folders({"certificates": truth}, {"certificates": run})).disagreements == 0


def test_a_confusion_table_counts_pairs_of_expected_and_found(folders: Folders) -> None:
    truth = [domain(f"{n}.gov", mx_kind="no_mx" if n == 4 else "explicit") for n in range(5)]
    run = [domain(f"{n}.gov", mx_kind="unknown" if n == 4 else "explicit") for n in range(5)]
    made = folders({"domains": truth}, {"domains": run})
    assert confusion(*made, "domains", "mx_kind") == [("explicit", "explicit", 4), ("no_mx", "unknown", 1)]
    with pytest.raises(TruthError, match=r"domains\.colour"):
        confusion(*made, "domains", "colour")
    with pytest.raises(TruthError, match="weather"):
        confusion(*made, "weather", "colour")


def test_folders_that_are_none_are_refused(folders: Folders, tmp_path: Path) -> None:
    run, truth = folders({}, {"domains": [{"colour": "red"}]})
    with pytest.raises(TruthError, match="key column domain"):
        compare(run, truth)
    with pytest.raises(TruthError, match=r"nowhere/domains\.parquet"):
        compare(run, tmp_path / "nowhere")
    (run / "domains" / "000.parquet").write_bytes(b"junk")
    with pytest.raises(TruthError, match=r"000\.parquet"):
        compare(run, truth)


def test_the_truth_has_the_tables_and_keys_of_the_run_folder() -> None:
    assert TRUTH_KEYS == TABLE_KEYS
    assert set(TRUTH_TABLES) == set(TRUTH_KEYS)


def test_every_table_of_the_truth_is_written(folders: Folders) -> None:
    _, truth = folders({}, {})
    assert {path.stem for path in truth.glob("*.parquet")} == set(TRUTH_KEYS)


def test_hosts_that_are_odd_on_purpose_are_named_in_a_file_of_their_own(tmp_path: Path) -> None:
    odd = [("a.mx.test", "127.0.0.1"), ("a.mx.test", "::1")]
    write_truth(Internet(odd_hosts=odd), {}, tmp_path)
    lines = (tmp_path / "odd_hosts.csv").read_text().splitlines()
    assert lines == ["mx_host,address", "a.mx.test,127.0.0.1", "a.mx.test,::1"]


def test_an_order_that_was_not_issued_is_an_error(tmp_path: Path) -> None:
    truth = {"certificates": [{"sha256": "unheard of"}]}
    with pytest.raises(KeyError, match="unheard of"):
        write_truth(Internet(truth=truth), CHAINS, tmp_path)


def test_placeholders_in_tlsa_answers_become_data_of_every_form() -> None:
    orders = {"good": CertificateOrder(common_name="mx.a.gov", dns_names=("mx.a.gov",), chain_sent="leaf")}
    path = make_authority(NOW).issue(orders, NOW)["good"].path
    certificates = [x509.load_der_x509_certificate(der) for der in path]
    keys = [
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for certificate in certificates
    ]
    expected = {
        "3 0 0 ": (0, path[0].hex()),
        "3 0 1 ": (0, hashlib.sha256(path[0]).hexdigest()),
        "3 0 2 ": (0, hashlib.sha512(path[0]).hexdigest()),
        "2 0 0 ": (1, path[1].hex()),
        "2 1 0 ": (1, keys[1].hex()),
        "2 1 1 ": (2, hashlib.sha256(keys[2]).hexdigest()),
    }
    owner = "_25._tcp.mx.a.gov"
    forms = [
        (head, association("good", at, int(head[2]), int(head[4]))) for head, (at, _) in expected.items()
    ]
    records = (*[(owner, "TLSA", head + data) for head, data in forms], (owner, "TLSA", "3 1 1 00"))
    internet = Internet(answers={(owner, "TLSA"): DnsAnswer(records=records, secure=True)})
    associations = find_associations(internet, {"good": path})
    fill_associations(internet, associations)
    answer = internet.answers[owner, "TLSA"]
    found = [data for _, _, data in answer.records]
    assert found == [*[head + data for head, (_, data) in expected.items()], "3 1 1 00"]
    assert answer.secure
