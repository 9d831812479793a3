"""The lab's certificate authority, judged by OpenSSL and read by cryptography."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import crypto

from crawler.lab.authority import Authority, make_authority
from crawler.lab.authority_cache import FILE_NAME, CacheError, keep_authority, open_authority
from crawler.lab.internet import CertificateOrder

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDER = CertificateOrder(common_name="mx.example.test", dns_names=("mx.example.test", "*.example.test"))


@pytest.fixture(scope="module")
def kept_once() -> Authority:
    return make_authority(NOW)


def issue(authority: Authority, order: CertificateOrder, now: datetime = NOW) -> list[x509.Certificate]:
    chain = authority.issue({"id": order}, now)["id"].chain
    return [x509.load_der_x509_certificate(certificate) for certificate in chain]


def verify_code(authority: Authority, chain: Sequence[x509.Certificate], at: datetime = NOW) -> int:
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(authority.roots["lab_ca"].certificate))
    store.set_time(at)
    certificates = [crypto.X509.from_cryptography(certificate) for certificate in chain]
    try:
        crypto.X509StoreContext(store, certificates[0], certificates[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        code: int = error.errors[0]
        return code
    return 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"key": "rsa"}, 0),
        ({"chain_sent": "leaf_intermediate_root"}, 0),
        ({"chain_sent": "leaf"}, 20),
        ({"issuer": "unknown_root"}, 20),
        ({"issuer": "unknown_root", "chain_sent": "leaf_intermediate_root"}, 19),
        ({"issuer": "self", "chain_sent": "leaf"}, 18),
        ({"validity": "expired"}, 10),
        ({"validity": "not_yet_valid"}, 9),
    ],
)
def test_openssl_finds_what_was_ordered(kept_once: Authority, changes: dict[str, str], code: int) -> None:
    assert verify_code(kept_once, issue(kept_once, replace(ORDER, **changes))) == code  # type: ignore[arg-type]  # words of the model


@pytest.mark.parametrize(
    ("chain_sent", "length"), [("leaf", 1), ("leaf_intermediate", 2), ("leaf_intermediate_root", 3)]
)
def test_the_chain_is_sent_as_ordered(kept_once: Authority, chain_sent: str, length: int) -> None:
    order = replace(ORDER, chain_sent=chain_sent)  # type: ignore[arg-type]  # words of the model
    assert len(issue(kept_once, order)) == len(kept_once.issue({"id": order}, NOW)["id"].digests) == length


def test_names_and_keys_are_as_ordered(kept_once: Authority) -> None:
    leaf = issue(kept_once, ORDER)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(names.get_values_for_type(x509.DNSName)) == ORDER.dns_names
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(issue(kept_once, replace(ORDER, key="rsa"))[0].public_key(), rsa.RSAPublicKey)


def test_a_common_name_beyond_64_characters_is_left_out(kept_once: Authority) -> None:
    long_name = ".".join(["a" * 40] * 3) + ".test"
    leaf = issue(kept_once, replace(ORDER, common_name=long_name, dns_names=(long_name,)))[0]
    assert "CN=" not in leaf.subject.rfc4514_string()
    assert leaf.subject.rfc4514_string()


def test_a_second_start_issues_nothing_anew(tmp_path: Path, kept_once: Authority) -> None:
    orders = {"one": ORDER, "two": replace(ORDER, key="rsa"), "three": replace(ORDER, issuer="self")}
    first = kept_once.issue(orders, NOW)
    keep_authority(kept_once, tmp_path / "cache")
    reopened = open_authority(tmp_path / "cache", NOW + timedelta(days=80))
    assert reopened.issue(orders, NOW + timedelta(days=80)) == first
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("validity", ["current", "expired", "not_yet_valid"])
def test_certificates_are_made_again_before_their_dates_mean_something_else(
    tmp_path: Path, validity: str
) -> None:
    authority = make_authority(NOW)
    order = replace(ORDER, validity=validity)  # type: ignore[arg-type]  # words of the model
    first = issue(authority, order)[0]
    keep_authority(authority, tmp_path)
    later = NOW + timedelta(days=89, minutes=1)
    for again in (authority, open_authority(tmp_path, later)):
        second = issue(again, order, later)[0]
        assert second.serial_number != first.serial_number
        is_valid = second.not_valid_before_utc <= later <= second.not_valid_after_utc
        assert is_valid == (validity == "current")


def test_an_authority_is_made_again_before_it_expires(tmp_path: Path, kept_once: Authority) -> None:
    keep_authority(kept_once, tmp_path)
    for days in (3600, -3600):
        assert open_authority(tmp_path, NOW + timedelta(days=days)).roots != kept_once.roots
    assert (
        open_authority(tmp_path, NOW + timedelta(days=3500)).roots["lab_ca"].der
        == kept_once.roots["lab_ca"].der
    )


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "binary", "folder"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, kept_once: Authority, damage: str) -> None:
    keep_authority(kept_once, tmp_path)
    file = tmp_path / FILE_NAME
    octets = bytearray(file.read_bytes())
    octets[len(octets) // 2] ^= 1
    contents = {
        "empty": b"",
        "cut": bytes(octets[:200]),
        "flipped": bytes(octets),
        "binary": bytes(range(256)),
    }
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(contents[damage])
    again = open_authority(tmp_path, NOW)
    assert verify_code(again, issue(again, ORDER)) == 0
    if damage != "folder":
        keep_authority(again, tmp_path)
        assert open_authority(tmp_path, NOW).roots["lab_ca"].der == again.roots["lab_ca"].der


def test_labs_that_start_at_once_each_leave_a_whole_cache(tmp_path: Path, kept_once: Authority) -> None:
    other = make_authority(NOW)
    for each in (kept_once, other):
        each.issue({str(number): replace(ORDER, common_name=f"mx{number}") for number in range(50)}, NOW)
    threads = [
        threading.Thread(target=keep_authority, args=(each, tmp_path)) for each in (kept_once, other) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    der = open_authority(tmp_path, NOW).roots["lab_ca"].der
    assert der in (kept_once.roots["lab_ca"].der, other.roots["lab_ca"].der)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, kept_once: Authority) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match="file"):
        keep_authority(kept_once, tmp_path / "file")


def test_the_root_store_has_the_trusted_root_alone(tmp_path: Path, kept_once: Authority) -> None:
    kept_once.write_root_store(tmp_path / "roots.pem")
    certificates = x509.load_pem_x509_certificates((tmp_path / "roots.pem").read_bytes())
    assert certificates == [kept_once.roots["lab_ca"].certificate]
