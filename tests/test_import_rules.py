"""Who may import whom (ARCHITECTURE.md), read from the sources themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    # Pure: no waiting, no sockets, no DNS, no clock, nothing that does them.
    "crawler/protocol": (
        "trio",
        "socket",
        "asyncio",
        "ssl",
        "dns",
        "time",
        "crawler.probes",
        "crawler.verdicts",
    ),
    "crawler/verdicts": ("trio", "socket", "asyncio", "ssl", "dns", "time", "crawler.probes", "crawler.lab"),
    "crawler/probes": ("crawler.verdicts", "crawler.lab", "crawler.storing", "duckdb", "pyarrow"),
    "crawler/storing": ("trio", "crawler.probes", "crawler.verdicts", "crawler.survey", "crawler.engine"),
    "crawler/watching": ("crawler.probes", "crawler.verdicts", "crawler.survey", "crawler.commands"),
    "crawler/dataset": ("trio", "socket", "crawler.probes", "crawler.verdicts", "crawler.lab"),
    "analysis": ("crawler",),
    "crawler/outcomes.py": ("crawler",),
    "crawler/records.py": ("crawler.schema", "crawler.storing", "pyarrow"),
    "crawler/schema.py": ("crawler.storing",),
}
LAB_USERS = {"crawler/commands/lab_commands.py"}
CLOCKS = {"now", "today", "utcnow"}


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def offences(path: str, source: str) -> list[str]:
    """Return what a file imports and may not."""
    modules = set(imported(source))
    found = [
        module
        for place, packages in FORBIDDEN.items()
        if path == place or path.startswith(place + "/")
        for package in packages
        for module in modules
        if is_below(module, package)
    ]
    if path.startswith("crawler/lab/"):
        found += [m for m in modules if is_below(m, "crawler") and not is_below(m, "crawler.lab")]
    elif path.startswith("crawler/") and path not in LAB_USERS:
        found += [module for module in modules if is_below(module, "crawler.lab")]
    return sorted(set(found) - {"crawler"} if path.startswith("crawler/lab/") else set(found))


def sources() -> list[str]:
    return sorted(
        str(p.relative_to(ROOT)) for part in ("crawler", "analysis") for p in (ROOT / part).rglob("*.py")
    )


@pytest.mark.parametrize("path", sources())
def test_a_module_imports_only_what_its_place_allows(path: str) -> None:
    assert offences(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    "path", [p for p in sources() if p.startswith(("crawler/protocol", "crawler/verdicts"))]
)
def test_pure_code_reads_no_clock(path: str) -> None:
    calls = (
        node.func for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call)
    )
    assert [c.attr for c in calls if isinstance(c, ast.Attribute) and c.attr in CLOCKS] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("crawler/protocol/smtp.py", "import trio"),
        ("crawler/protocol/smtp.py", "from socket import socket"),
        ("crawler/protocol/dns_wire.py", "import dns.message"),
        ("crawler/verdicts/pkix.py", "from crawler.probes import tls"),
        ("crawler/probes/session.py", "from crawler.verdicts.outcome import read_outcome"),
        ("crawler/probes/session.py", "import crawler.lab.internet"),
        ("crawler/survey.py", "from crawler.lab import launch"),
        ("crawler/storing/digests.py", "import crawler.engine"),
        ("crawler/watching/summary.py", "from crawler.commands.ending import ending_of"),
        ("crawler/lab/serve.py", "from crawler.protocol.smtp import ReplyReader"),
        ("crawler/lab/serve.py", "from crawler import outcomes"),
        ("crawler/records.py", "import pyarrow as pa"),
        ("analysis/figures.py", "from crawler.records import Domain"),
        ("analysis/figures.py", "import crawler"),
    ],
)
def test_every_forbidden_import_is_seen(path: str, source: str) -> None:
    assert offences(path, source) != []
