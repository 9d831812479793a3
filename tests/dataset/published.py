"""A small run, and datasets made of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.figures import compute_figures
from crawler.dataset.publishing import Options, Published, publish
from crawler.records import Reply, TlsHandshake
from crawler.storing.run_folder import RunFolder
from tests.analysis.known_run import known_run
from tests.session_rows import ENCRYPTED, session

TLS = TlsHandshake(version="TLSv1.3", cipher_suite="AES", group="X25519", chain=("aa", "bb"))
TALKATIVE = session(
    "mx.talkative.test",
    "192.0.2.77",
    **ENCRYPTED | {"greeting": Reply(code=220, lines=("mail ESMTP [192.0.2.77] ask jane.doe@example.org",))},
)
STRIPPED = session(
    "mx.stripped.test",
    "192.0.2.78",
    **ENCRYPTED
    | {
        "greeting": Reply(code=220, lines=("********",)),
        "greeting_masked": True,
        "ehlo_keywords": ("XXXXXXXA", "SIZE 1000"),
        "starttls_offered": False,
        "starttls_overwritten": True,
        "starttls_reply": None,
        "plaintext_after_220": None,
        "tls": None,
    },
)


def small_run(folder: Path, *, parts: int = 1, **manifest: Any) -> RunFolder:
    """Write a finished run of nineteen domains, with figures, and two sessions that say too much."""
    rows = known_run()
    rows.write(folder, parts=parts, **manifest)
    for path in folder.glob("*/part-?????.parquet"):
        path.rename(path.with_name(f"part-0{path.name.removeprefix('part-')}"))
    (folder / "root_store.pem").write_text("trust anchors\n")
    compute_figures(folder)
    run = RunFolder(folder)
    run.write_part("sessions", parts, [TALKATIVE, replace(STRIPPED, tls=None)])
    return run


def published(tmp_path: Path, name: str = "dataset", **options: Any) -> tuple[Path, Published]:
    """Publish the small run."""
    run = small_run(tmp_path / f"run of {name}")
    return tmp_path / name, publish(run, tmp_path / name, Options(**options))
