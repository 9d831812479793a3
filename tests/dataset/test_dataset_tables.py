"""The tables of a dataset are those of the run: every row and fact, sorted, in the same octets each time."""

from pathlib import Path

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from crawler.dataset.conforming import conform
from crawler.dataset.encodings import write_smallest
from crawler.dataset.publishing import Options, publish
from crawler.dataset.tables import part_name
from crawler.records import TABLE_KEYS, TABLES
from crawler.schema import arrow_schema
from crawler.storing.parquet_files import row_groups
from crawler.storing.run_folder import RunFolder
from tests.dataset.published import small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return small_run(tmp_path_factory.mktemp("tables") / "a run's [folder]", parts=3)


@pytest.fixture(scope="module")
def dataset(run: RunFolder) -> Path:
    out = run.path.parent / "dataset"
    publish(run, out, Options())
    return out


@pytest.mark.parametrize("table", TABLES)
def test_no_row_and_no_fact_is_lost(table: str, run: RunFolder, dataset: Path) -> None:
    before = [row for shard in run.shards(table) for row in run.read_part(table, shard)]
    after = list(RunFolder(dataset).read_part(table, 0))
    assert len(after) == len(before)
    assert sorted(map(repr, after)) == sorted(map(repr, before))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_schema_of_its_records(table: str, dataset: Path) -> None:
    assert pq.read_schema(dataset / part_name(table)) == arrow_schema(TABLES[table])


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_sorted_by_key_and_names_from_the_last_label_on(table: str, dataset: Path) -> None:
    def order(row: dict[str, object]) -> list[object]:
        names = ("domain", "mx_host")
        return [str(row[key]).split(".")[::-1] if key in names else row[key] for key in TABLE_KEYS[table]]

    keys = [order(row) for row in pq.read_table(dataset / part_name(table)).to_pylist()]
    assert keys == sorted(keys)


def test_the_same_run_gives_the_same_octets_however_it_was_sharded(run: RunFolder, tmp_path: Path) -> None:
    for name, source in (("again", run), ("other", small_run(tmp_path / "run", parts=1))):
        publish(source, tmp_path / name, Options())
    assert contents(tmp_path / "again") == contents(tmp_path / "other")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


KIND = pa.struct(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("count", pa.int64()),
        pa.field("list", pa.list_(pa.field("element", pa.string(), nullable=False)), nullable=False),
    ]
)
CONNECTION = duckdb.connect()  # one for all examples: to open one takes longer than the rest
SCHEMA = pa.schema([pa.field("key", pa.int64(), nullable=False), pa.field("nested", KIND)])
NESTED = st.fixed_dictionaries(
    {
        "text": st.text(),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "list": st.lists(st.text(alphabet="ab"), max_size=3),
    }
)


@given(st.lists(st.none() | NESTED, max_size=12))
def test_rows_come_back_from_duckdb_as_they_went_in(values: list[object]) -> None:
    rows = [{"key": key, "nested": value} for key, value in enumerate(values)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    CONNECTION.register("given_rows", table)
    back = CONNECTION.sql("SELECT * FROM given_rows ORDER BY key").to_arrow_table()
    found = [row for batch in back.to_batches() for row in conform(batch, SCHEMA).to_pylist()]
    assert found == rows


def test_row_groups_are_cut_and_filled_across_batches() -> None:
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False)])
    batches = [
        pa.record_batch([pa.array(range(a, b))], schema=schema) for a, b in ((0, 3), (3, 11), (11, 12))
    ]
    groups = [table.column("n").to_pylist() for table in row_groups(schema, batches, 4)]
    assert groups == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_is_a_file_all_the_same(table: str, tmp_path: Path) -> None:
    schema = arrow_schema(TABLES[table])
    write_smallest(tmp_path / "empty.parquet", schema, [])
    assert pq.read_table(tmp_path / "empty.parquet").num_rows == 0
    with duckdb.connect() as connection:
        assert connection.sql(f"SELECT * FROM '{tmp_path}/empty.parquet'").fetchall() == []


def test_every_encoding_is_read_by_duckdb(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            pa.field("s", pa.string()),
            pa.field("i", pa.int64()),
            pa.field("f", pa.float64()),
            ("b", pa.bool_()),
        ]
    )
    rows = [{"s": f"name-{n:06}", "i": n * n, "f": n / 7, "b": n % 3 == 0} for n in range(5000)]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    write_smallest(tmp_path / "rows.parquet", schema, [batch])
    assert (tmp_path / "rows.parquet").stat().st_size < 45_000
    with duckdb.connect() as connection:
        assert connection.sql(f"FROM '{tmp_path}/rows.parquet'").to_arrow_table().to_pylist() == rows
