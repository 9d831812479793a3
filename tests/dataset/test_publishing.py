"""A dataset as a whole: it appears whole or not at all, holds what it says, and others' tools accept it."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from analysis.figures import compute_figures
from crawler.cli import USAGE, main
from crawler.dataset.publishing import DatasetError, Options, publish
from crawler.dataset.queries import QUERIES
from crawler.records import TABLES
from crawler.storing.run_folder import RunFolder
from tests.dataset.published import published, small_run

ROOT = Path(__file__).parents[2]
KEY = bytes(range(32))
VARIANTS = {
    "plain": Options(),
    "redacted": Options(redact=True),
    "hashed": Options(key=KEY),
    "both": Options(redact=True, key=KEY),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return small_run(tmp_path_factory.mktemp("publishing") / "run")


@pytest.fixture(scope="module")
def datasets(run: RunFolder) -> dict[str, Path]:
    made = {}
    for name, options in VARIANTS.items():
        made[name] = run.path.parent / name
        publish(run, made[name], options)
    return made


@pytest.fixture(params=VARIANTS)
def dataset(request: pytest.FixtureRequest, datasets: dict[str, Path]) -> Path:
    return datasets[request.param]


@pytest.fixture
def views(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.chdir(dataset)
    with duckdb.connect() as connection:
        connection.execute((dataset / "views.sql").read_text())
        yield connection


def test_one_command_opens_the_whole(views: duckdb.DuckDBPyConnection, dataset: Path) -> None:
    wanted = {*TABLES, "figures"} if (dataset / "figures").exists() else set(TABLES)
    found = views.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {name for (name,) in found} == wanted
    for name in sorted(wanted):
        assert views.sql(f"FROM {name}").to_arrow_table().num_rows > 0


def test_the_five_queries_of_the_readme_run(views: duckdb.DuckDBPyConnection, dataset: Path) -> None:
    queries = re.findall(
        r"^```sql\n(.*?)^```$", (dataset / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert [query.strip() for query in queries] == [sql for _, sql in QUERIES]
    assert len(queries) == 5
    for query in queries:
        assert views.sql(query).to_arrow_table().num_rows > 0, query


def test_the_checksums_are_of_every_file(dataset: Path) -> None:
    lines = (dataset / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {str(path.relative_to(dataset)): path for path in dataset.rglob("*") if path.is_file()}
    assert set(files) - set(sums) == {"SHA256SUMS"}
    assert {name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in sums} == sums


def test_frictionless_accepts_the_data_package(dataset: Path) -> None:
    checked = python(
        "import frictionless as f; r = f.validate('datapackage.json'); print(r.valid, r.flatten())", dataset
    )
    assert checked == "True []"


@pytest.mark.parametrize("name", ["plain", "both"])
def test_croissant_accepts_the_description_and_reads_every_table(
    name: str, datasets: dict[str, Path]
) -> None:
    script = """
        import mlcroissant
        dataset = mlcroissant.Dataset(jsonld='croissant.json')
        print(dataset.metadata.ctx.issues.report())
        for records in dataset.metadata.record_sets:
            print(records.name, len(next(iter(dataset.records(records.name)))) > 2)
    """
    assert python(script, datasets[name]).split() == [word for table in TABLES for word in (table, "True")]


def python(script: str, folder: Path) -> str:
    """Run a script by itself: these libraries warn when they are imported."""
    lines = "\n".join(line.removeprefix("        ") for line in script.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_dataset_says_nothing_of_the_machine_and_the_day_it_was_made_on(tmp_path: Path) -> None:
    settings = {"root_store": str(tmp_path / "roots.pem"), "opt_out": "/home/jane/opt-out.txt", "seed": 1}
    run = small_run(tmp_path / "run", settings=settings, effective_settings=settings)
    publish(run, tmp_path / "dataset", Options())
    texts = [path.read_text() for path in (tmp_path / "dataset").iterdir() if path.is_file()]
    assert not any(str(tmp_path) in text or "/home" in text for text in texts)
    manifest = json.loads((tmp_path / "dataset" / "run.json").read_text())
    assert manifest["settings"] == {"root_store": "roots.pem", "opt_out": "opt-out.txt", "seed": 1}


def test_what_reads_a_run_reads_a_dataset(datasets: dict[str, Path], run: RunFolder) -> None:
    figures = {path.name: path.read_bytes() for path in (run.path / "figures").glob("*.csv")}
    compute_figures(datasets["plain"])
    assert {path.name: path.read_bytes() for path in (datasets["plain"] / "figures").glob("*.csv")} == figures


def test_no_name_and_no_address_is_in_a_dataset_under_pseudonyms(
    datasets: dict[str, Path], run: RunFolder
) -> None:
    rows = repr([everything(datasets["hashed"]), everything(datasets["both"])])
    names = {row.domain for row in run.read_part("domains", 0)} | {
        row.mx_host for row in run.read_part("mx_hosts", 0)
    }
    addresses = {row.address for row in run.read_part("sessions", 0)}
    assert len(names) > 20
    assert [name for name in names | addresses if f"'{name}'" in rows or f".{name}'" in rows] == []


def test_pseudonyms_join_as_names_did(datasets: dict[str, Path]) -> None:
    join = """
        SELECT count(*) FROM '{0}/domains/*.parquet' AS d, unnest(d.mx.records) AS r(mx)
        JOIN '{0}/mx_hosts/*.parquet' AS h ON h.mx_host = r.mx.exchange
        JOIN '{0}/session_verdicts/*.parquet' USING (mx_host)
    """
    with duckdb.connect() as connection:
        counts = [connection.execute(join.format(datasets[name])).fetchone() for name in ("plain", "hashed")]
    assert counts[0] == counts[1] != (0,)


def everything(dataset: Path) -> list[object]:
    return [row for table in TABLES for row in RunFolder(dataset).read_part(table, 0)]


def test_redactions_are_counted_in_the_readme(datasets: dict[str, Path]) -> None:
    text = (datasets["redacted"] / "README.md").read_text()
    assert re.search(r"\| `addresses` \| 1 \|", text)
    assert re.search(r"\| `signs_of_stripping` \| 1 \|", text)
    assert "jane.doe" not in repr(everything(datasets["redacted"]))
    assert "## Redacted" not in (datasets["plain"] / "README.md").read_text()


def test_figures_that_name_people_or_providers_are_left_out(datasets: dict[str, Path]) -> None:
    assert (datasets["plain"] / "figures" / "certificate_issuers.csv").exists()
    assert not (datasets["redacted"] / "figures" / "certificate_issuers.csv").exists()
    assert not (datasets["hashed"] / "figures").exists()


def test_the_citation_is_as_cff_wants_it(datasets: dict[str, Path]) -> None:
    text = (datasets["plain"] / "CITATION.cff").read_text()
    for line in ("cff-version: 1.2.0", "type: dataset", "license: CC-BY-4.0", "date-released: 2026-08-22"):
        assert f"{line}\n" in text
    zenodo = json.loads((datasets["plain"] / ".zenodo.json").read_text())
    assert (zenodo["upload_type"], zenodo["license"]) == ("dataset", "cc-by-4.0")


def test_a_dataset_appears_whole_or_not_at_all(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crawler.dataset.publishing.croissant", fail)
    with pytest.raises(OSError, match="No space"):
        publish(run, tmp_path / "dataset", Options())
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten_but_an_empty_folder_is_filled(
    run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    publish(run, tmp_path / "empty", Options())
    with pytest.raises(DatasetError, match="is there already, and not empty"):
        publish(run, tmp_path / "empty", Options())
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="is there already"):
        publish(run, tmp_path / "file", Options())
    with pytest.raises(DatasetError, match="lies in the run folder"):
        publish(run, run.path / "dataset", Options())


@pytest.mark.parametrize(
    ("finished_at", "key", "message"),
    [
        (None, KEY, "the run is not finished"),
        ("2026-08-22T14:33:00+00:00", b"short", "5 octets are too few for a key"),
    ],
)
def test_the_command_ends_in_one_line_and_writes_nothing(
    finished_at: str | None,
    key: bytes,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = small_run(tmp_path / "run")
    manifest = run.read_manifest() | {"finished_at": finished_at}
    run.manifest_path.write_text(json.dumps(manifest))
    (tmp_path / "key").write_bytes(key)
    out = tmp_path / "dataset"
    arguments = ["dataset", str(run.path), "--out", str(out), "--hash-domains", str(tmp_path / "key")]
    monkeypatch.setattr("sys.argv", ["starttls-survey", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == USAGE
    assert message in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_the_command_says_how_small_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_run(tmp_path / "run")
    monkeypatch.setattr(
        "sys.argv", ["starttls-survey", "dataset", str(run.path), "--out", str(tmp_path / "out"), "--redact"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "octets a domain without certificates" in said
    assert "redacted addresses: 1" in said


def test_the_size_counts_all_but_certificates(tmp_path: Path) -> None:
    _, made = published(tmp_path)
    octets = sum(size for table, size in made.sizes.items() if table != "certificates")
    assert made.octets_per_domain == octets / 19
