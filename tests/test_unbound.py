"""The starter of the shipped resolver."""

from pathlib import Path

import pytest

from crawler import unbound
from crawler.unbound import ROOT_KEY_FILES, StartError, main, read_trust_anchors, root_key_file
from tests.servers.dns_servers import UNBOUND, start_shipped_resolver
from tests.servers.namespace import cannot_run, required_namespace


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without Unbound and without a trust anchor; its folder of programs."""
    monkeypatch.setattr(unbound, "_SEARCH_PATH", str(tmp_path))
    monkeypatch.setattr(unbound, "ROOT_KEY_FILES", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_unbound_the_starter_says_what_to_install(
    bare_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([])
    assert exit_.value.code == (
        "resolver: unbound is not installed; on Debian and Ubuntu: apt install unbound dns-root-data"
    )
    assert capsys.readouterr().out == ""


def test_without_a_trust_anchor_the_starter_says_what_to_install(bare_machine: Path) -> None:
    install(bare_machine, "unbound", "exit 0")
    with pytest.raises(SystemExit) as exit_:
        main([])
    assert str(exit_.value.code).startswith("resolver: no trust anchor of the DNS root")


def test_unbound_anchor_provides_a_trust_anchor_where_the_distribution_does_not(bare_machine: Path) -> None:
    install(bare_machine, "unbound-anchor", """echo '. IN DS 20326 8 2 E06D' > "$2"; exit 1""")
    path = root_key_file()
    assert path == bare_machine / "cache" / "starttls-survey" / "root.key"
    assert read_trust_anchors(path) == [". IN DS 20326 8 2 E06D"]


def test_an_unbound_anchor_that_fails_is_reported(bare_machine: Path) -> None:
    install(bare_machine, "unbound-anchor", "exit 1")
    with pytest.raises(StartError, match="wrote no trust anchor"):
        root_key_file()


def test_only_valid_keys_are_trust_anchors(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    file.write_text(
        "; autotrust trust anchor file\n"
        ";;id: . 1\n"
        ".\t86400\tIN\tDNSKEY\t257 3 8 AwEAAa== ;{id = 1 (ksk), size = 2048b} ;;state=2 [  VALID  ]\n"
        ".\t86400\tIN\tDNSKEY\t257 3 8 AwEBBb== ;{id = 2 (ksk), size = 2048b} ;;state=1 [ ADDPEND ]\n"
        ".\t86400\tIN\tDNSKEY\t257 3 8 AwECCc== ;{id = 3 (ksk), size = 2048b} ;;state=4 [ REVOKED ]\n"
        ". IN DNSKEY 257 3 8 AwEDDd== ; keytag 4\n"
    )
    assert read_trust_anchors(file) == [
        ". 86400 IN DNSKEY 257 3 8 AwEAAa==",
        ". IN DNSKEY 257 3 8 AwEDDd==",
    ]


def test_a_file_without_keys_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    file.write_text("; nothing\n")
    with pytest.raises(StartError, match="holds no trust anchor"):
        read_trust_anchors(file)


@pytest.mark.needs_network_namespace
def test_the_shipped_resolver_starts_as_it_is_and_says_how_to_use_it(tmp_path: Path) -> None:
    if not any(path.is_file() for path in ROOT_KEY_FILES):
        cannot_run([f"no {ROOT_KEY_FILES[0]} (Debian package dns-root-data)"])
    with required_namespace(UNBOUND, tmp_path / "log") as namespace:
        said = namespace.call(start_shipped_resolver)
    assert said.endswith("--resolver 127.0.0.1:5335\n")
