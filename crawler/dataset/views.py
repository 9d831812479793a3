"""views.sql: opens a dataset in DuckDB with one command, every table and figure under its own name."""

from crawler.dataset.tables import part_name
from crawler.records import TABLES

HEAD = """\
-- Opens the dataset, from its own folder:  duckdb -init views.sql
-- In Python, there too:  duckdb.connect().execute(open("views.sql").read())
SET TimeZone = 'UTC';
"""


def views(has_figures: bool) -> str:
    """Return the SQL of views over the files of a dataset, by paths relative to it."""
    lines = [f"CREATE VIEW {table} AS FROM '{part_name(table)}';" for table in TABLES]
    if has_figures:
        lines.append("CREATE VIEW figures AS FROM read_csv('figures/*.csv', union_by_name = true);")
    return HEAD + "\n".join(lines) + "\n"
