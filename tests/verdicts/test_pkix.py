"""Path, time and name of real certificates, right and wrong."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import assume, given
from hypothesis import strategies as st

from crawler.outcomes import PkixReason
from crawler.records import Certificate
from crawler.verdicts import pkix
from crawler.verdicts.pkix import CHAIN_LIMIT, PkixJudge, PkixVerdict, RootStore, RootStoreError
from tests.verdicts.authority import (
    FIRST,
    LAST,
    NOW,
    Issued,
    ec_key,
    issue,
    pem,
    reissue_with,
    reissue_with_sha1,
)

HOST = "mx.example.org"
YEAR = timedelta(days=365)


def judge_records(
    store: RootStore, chain: Sequence[Certificate], host: str = HOST, at: datetime = NOW
) -> PkixVerdict:
    certificates = {record.sha256: record for record in chain}
    return PkixJudge(store, certificates).judge(tuple(record.sha256 for record in chain), host, at)


def judge(store: RootStore, *chain: Issued, host: str = HOST, at: datetime = NOW) -> PkixVerdict:
    return judge_records(store, [issued.record for issued in chain], host, at)


def leaf_of(issuer: Issued | None, **wishes: object) -> Issued:
    return issue(HOST, issuer, dns_names=[HOST], **wishes)  # type: ignore[arg-type] # passed on as given


# --- path ----------------------------------------------------------------------------------------------


def test_a_chain_to_the_store_under_the_right_name_in_time_is_valid(
    store: RootStore, leaf: Issued, intermediate: Issued
) -> None:
    assert judge(store, leaf, intermediate) == PkixVerdict(
        path_ok=True,
        time_ok=True,
        name_ok=True,
        cn_only_match=False,
        self_signed=False,
        reason=None,
        verify_code=0,
    )


def test_order_and_strangers_in_the_chain_do_not_matter(
    store: RootStore, leaf: Issued, intermediate: Issued, root: Issued
) -> None:
    stranger = issue("Stranger", is_ca=True)
    assert judge(store, leaf, root, stranger, intermediate, leaf).is_valid


def test_a_chain_that_does_not_begin_with_the_server_is_judged_by_what_it_begins_with(
    store: RootStore, leaf: Issued, intermediate: Issued
) -> None:
    verdict = judge(store, intermediate, leaf)
    assert verdict.path_ok
    assert verdict.reason is PkixReason.NAME_MISMATCH


def test_a_self_signed_certificate_is_called_so(store: RootStore) -> None:
    verdict = judge(store, leaf_of(None))
    assert (verdict.reason, verdict.verify_code, verdict.self_signed) == (PkixReason.SELF_SIGNED, 18, True)
    assert (verdict.path_ok, verdict.time_ok, verdict.name_ok) == (False, True, True)


def test_a_self_signed_certificate_sent_twice_is_still_self_signed(store: RootStore) -> None:
    own = leaf_of(None)
    assert judge(store, own, own).reason is PkixReason.SELF_SIGNED


def test_a_self_signed_certificate_in_the_store_is_trusted() -> None:
    own = leaf_of(None)
    verdict = judge(RootStore(pem(own)), own)
    assert verdict.is_valid
    assert verdict.self_signed


def test_its_own_name_as_issuer_does_not_make_a_certificate_self_signed(store: RootStore) -> None:
    namesake = issue(HOST)
    verdict = judge(store, leaf_of(namesake))
    assert verdict.verify_code == 18  # OpenSSL goes by the names
    assert not verdict.self_signed
    assert verdict.reason is PkixReason.INCOMPLETE_CHAIN


def test_an_unknown_root_that_was_sent_is_an_unknown_issuer(store: RootStore) -> None:
    unknown = issue("Unknown Root", is_ca=True)
    verdict = judge(store, leaf_of(unknown), unknown)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.UNKNOWN_ISSUER, 19)


def test_an_unknown_root_that_was_not_sent_leaves_the_chain_incomplete(store: RootStore) -> None:
    unknown = issue("Unknown Intermediate", issue("Unknown Root", is_ca=True), is_ca=True)
    verdict = judge(store, leaf_of(unknown), unknown)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.INCOMPLETE_CHAIN, 20)


def test_a_missing_intermediate_leaves_the_chain_incomplete(
    store: RootStore, leaf: Issued, root: Issued
) -> None:
    for verdict in (judge(store, leaf), judge(store, leaf, root)):
        assert verdict.reason is PkixReason.INCOMPLETE_CHAIN
        assert verdict.verify_code in (20, 21)
        assert (verdict.path_ok, verdict.time_ok, verdict.name_ok) == (False, True, True)


def test_an_altered_certificate_has_a_bad_signature(
    store: RootStore, leaf: Issued, intermediate: Issued
) -> None:
    altered = Issued(leaf.der[:-1] + bytes([leaf.der[-1] ^ 1]), leaf.name, leaf.key)
    verdict = judge(store, altered, intermediate)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.BAD_SIGNATURE, 7)


def test_an_issuer_that_is_no_authority_may_not_issue(store: RootStore, root: Issued) -> None:
    no_authority = issue("Customer", root)
    verdict = judge(store, leaf_of(no_authority), no_authority)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.NOT_A_CA, 79)


def test_an_issuer_whose_key_may_not_sign_certificates_may_not_issue(store: RootStore, root: Issued) -> None:
    no_signer = issue("No Signer", root, is_ca=True, may_sign=False)
    verdict = judge(store, leaf_of(no_signer), no_signer)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.NOT_A_CA, 79)


def test_an_issuer_below_too_many_others_may_not_issue(store: RootStore, root: Issued) -> None:
    short = issue("Path Length 0", root, is_ca=True, path_length=0)
    below = issue("Below It", short, is_ca=True)
    verdict = judge(store, leaf_of(below), below, short)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.NOT_A_CA, 25)


def test_weak_keys_are_told_from_weak_signatures(store: RootStore, root: Issued) -> None:
    weak_leaf = leaf_of(root, key=rsa.generate_private_key(65537, 1024))
    weak_authority = issue("Weak", root, is_ca=True, key=rsa.generate_private_key(65537, 1024))
    below = leaf_of(weak_authority)
    weakly_signed = reissue_with_sha1(below, weak_authority)
    assert _reason_and_code(judge(store, weak_leaf)) == (PkixReason.WEAK_KEY, 66)
    assert _reason_and_code(judge(store, below, weak_authority)) == (PkixReason.WEAK_KEY, 67)
    assert _reason_and_code(judge(store, weakly_signed, weak_authority)) == (PkixReason.WEAK_SIGNATURE, 68)


def test_a_trust_anchor_is_trusted_whatever_its_key_and_signature() -> None:
    weak_root = issue("Old Root", is_ca=True, key=rsa.generate_private_key(65537, 1024))
    assert judge(RootStore(pem(reissue_with_sha1(weak_root, weak_root))), leaf_of(weak_root)).is_valid


def _reason_and_code(verdict: PkixVerdict) -> tuple[PkixReason | None, int | None]:
    return verdict.reason, verdict.verify_code


@pytest.mark.parametrize(
    ("usages", "reason", "code"),
    [
        ((), None, 0),
        ((ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH), None, 0),
        ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), None, 0),
        ((ExtendedKeyUsageOID.CLIENT_AUTH,), PkixReason.OTHER_PATH, 26),
    ],
)
def test_an_extended_key_usage_must_allow_servers(
    store: RootStore, root: Issued, usages: list[ObjectIdentifier], reason: PkixReason | None, code: int
) -> None:
    verdict = judge(store, leaf_of(root, usages=usages))
    assert (verdict.reason, verdict.verify_code) == (reason, code)


def test_a_certificate_that_cannot_be_read_is_unparsable(store: RootStore, intermediate: Issued) -> None:
    garbage = Issued(b"\x30\x03\x02\x01\x01", intermediate.name, intermediate.key)
    assert judge(store, garbage, intermediate) == PkixVerdict(
        path_ok=False,
        time_ok=False,
        name_ok=False,
        cn_only_match=False,
        self_signed=None,
        reason=PkixReason.UNPARSABLE,
        verify_code=None,
    )


def test_a_column_that_could_not_be_read_does_not_spoil_the_path(
    store: RootStore, leaf: Issued, intermediate: Issued
) -> None:
    odd = replace(leaf.record, parse_failure="serial_number: odd", serial_number=None)
    assert judge_records(store, [odd, intermediate.record]).is_valid


def test_an_unreadable_certificate_further_on_counts_as_not_sent(
    store: RootStore, leaf: Issued, intermediate: Issued
) -> None:
    garbage = Issued(b"not DER", leaf.name, leaf.key)
    assert judge(store, leaf, garbage, intermediate).is_valid
    assert judge(store, leaf, garbage).reason is PkixReason.INCOMPLETE_CHAIN


def test_no_certificate_at_all_is_a_reason_of_its_own(store: RootStore) -> None:
    assert judge(store) == PkixVerdict(
        path_ok=False,
        time_ok=False,
        name_ok=False,
        cn_only_match=False,
        self_signed=False,
        reason=PkixReason.NO_CERTIFICATE,
        verify_code=None,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"250101000000Z", b"259901000000Z"),
        (b"20600101000000Z", b"20609901000000Z"),
        (b"20600101000000Z", b"00000101000000Z"),  # a year before Python's first
    ],
)
def test_an_unreadable_date_on_the_path_spoils_the_path(old: bytes, new: bytes) -> None:
    last = LAST.replace(year=2060)
    root = issue("Ed25519 Root", is_ca=True, key=ed25519.Ed25519PrivateKey.generate(), last=last)
    good = issue("Intermediate", root, is_ca=True, last=last)
    odd = reissue_with(good, old, new, root)
    verdict = judge(RootStore(pem(root)), leaf_of(good), odd)
    assert (verdict.path_ok, verdict.reason, verdict.verify_code) == (False, PkixReason.OTHER_PATH, 1)


def test_an_odd_name_beside_the_right_one_spoils_nothing() -> None:
    root = issue("Ed25519 Root", is_ca=True, key=ed25519.Ed25519PrivateKey.generate())
    odd = reissue_with(
        issue("x", root, dns_names=["odd.example.org", HOST]), b"odd.example", b"odd\xffexample", root
    )
    assert judge(RootStore(pem(root)), odd).is_valid


@given(
    st.integers(0, 1), st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=3)
)
def test_no_octets_whatever_make_the_judge_raise_or_believe(
    store: RootStore, leaf: Issued, intermediate: Issued, which: int, changes: list[tuple[int, int]]
) -> None:
    chain = [leaf, intermediate]
    octets = bytearray(chain[which].der)
    for position, change in changes:
        octets[position % len(octets)] ^= change
    assume(bytes(octets) != chain[which].der)
    chain[which] = Issued(bytes(octets), leaf.name, leaf.key)
    assert not judge(store, *chain).path_ok


def test_only_the_first_certificates_of_an_endless_chain_are_looked_at(
    store: RootStore, leaf: Issued, intermediate: Issued
) -> None:
    strangers = [issue(f"Stranger {number}", is_ca=True) for number in range(CHAIN_LIMIT - 1)]
    assert judge(store, leaf, *strangers[:-1], intermediate).is_valid
    assert judge(store, leaf, *strangers, intermediate).reason is PkixReason.INCOMPLETE_CHAIN


# --- time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (FIRST - timedelta(seconds=1), PkixReason.NOT_YET_VALID),
        (FIRST, None),
        (LAST, None),
        (LAST + timedelta(seconds=1), PkixReason.EXPIRED),
    ],
)
def test_validity_includes_its_first_and_last_second(
    store: RootStore, leaf: Issued, intermediate: Issued, at: datetime, reason: PkixReason | None
) -> None:
    verdict = judge(store, leaf, intermediate, at=at)
    assert (verdict.path_ok, verdict.time_ok, verdict.reason) == (True, reason is None, reason)


def test_an_expired_certificate_keeps_its_path_and_name(store: RootStore, intermediate: Issued) -> None:
    verdict = judge(store, leaf_of(intermediate, first=FIRST - YEAR, last=FIRST), intermediate)
    assert (verdict.path_ok, verdict.time_ok, verdict.name_ok) == (True, False, True)
    assert (verdict.reason, verdict.verify_code) == (PkixReason.EXPIRED, 0)


def test_an_expired_intermediate_makes_the_path_expired(store: RootStore, root: Issued) -> None:
    old = issue("Old Intermediate", root, is_ca=True, first=FIRST - YEAR, last=FIRST)
    verdict = judge(store, leaf_of(old), old)
    assert (verdict.path_ok, verdict.time_ok, verdict.reason) == (True, False, PkixReason.EXPIRED)


def test_an_expired_trust_anchor_makes_the_path_expired() -> None:
    old = issue("Old Root", is_ca=True, first=FIRST - YEAR, last=FIRST)
    assert judge(RootStore(pem(old)), leaf_of(old)).reason is PkixReason.EXPIRED


@pytest.mark.parametrize("expired_first", [True, False])
def test_an_expired_issuer_beside_its_renewal_does_no_harm(
    store: RootStore, root: Issued, expired_first: bool
) -> None:
    key = ec_key()
    expired = issue("Renewed", root, is_ca=True, key=key, first=FIRST - YEAR, last=FIRST)
    renewed = issue("Renewed", root, is_ca=True, key=key)
    issuers = [expired, renewed] if expired_first else [renewed, expired]
    assert judge(store, leaf_of(renewed), *issuers).is_valid


def test_without_a_path_the_dates_of_the_servers_certificate_count(store: RootStore) -> None:
    verdict = judge(store, leaf_of(None, first=FIRST - YEAR, last=FIRST))
    assert (verdict.time_ok, verdict.reason) == (False, PkixReason.SELF_SIGNED)


# --- name ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "name_ok"),
    [
        ("mx.example.org", True),
        ("a.mail.example.org", True),
        ("mail.example.org", False),
        ("a.b.mail.example.org", False),
        ("evilmx.example.org", False),
        ("example.org", False),
        ("org", False),
    ],
)
def test_the_name_is_judged_by_dns_ids(
    store: RootStore, leaf: Issued, intermediate: Issued, host: str, name_ok: bool
) -> None:
    verdict = judge(store, leaf, intermediate, host=host)
    assert verdict.name_ok is name_ok
    assert verdict.reason is (None if name_ok else PkixReason.NAME_MISMATCH)


def test_names_match_in_any_case(store: RootStore, intermediate: Issued) -> None:
    assert judge(store, issue("x", intermediate, dns_names=["MX.Example.ORG"]), intermediate).name_ok


def test_a_common_name_is_no_name_and_is_remarked(store: RootStore, intermediate: Issued) -> None:
    verdict = judge(store, issue(HOST, intermediate), intermediate)
    assert (verdict.name_ok, verdict.cn_only_match) == (False, True)
    assert verdict.reason is PkixReason.NAME_MISMATCH


def test_a_name_beside_a_dns_id_is_not_remarked(store: RootStore, leaf: Issued, intermediate: Issued) -> None:
    assert not judge(store, leaf, intermediate).cn_only_match


# --- which reason --------------------------------------------------------------------------------------


def test_path_comes_before_time_and_time_before_name(store: RootStore, intermediate: Issued) -> None:
    expired = leaf_of(intermediate, first=FIRST - YEAR, last=FIRST)
    assert judge(store, expired, host="other.example").reason is PkixReason.INCOMPLETE_CHAIN
    assert judge(store, expired, intermediate, host="other.example").reason is PkixReason.EXPIRED


def test_every_reason_is_that_of_some_chain(
    store: RootStore, root: Issued, intermediate: Issued, leaf: Issued
) -> None:
    old_key = rsa.generate_private_key(65537, 1024)
    old = issue("Old", root, is_ca=True, key=old_key)
    customer = issue("Customer", root)
    unknown = issue("Unknown Root", is_ca=True)
    altered = Issued(leaf.der[:-1] + bytes([leaf.der[-1] ^ 1]), leaf.name, leaf.key)
    chains: dict[PkixReason, tuple[Issued, ...]] = {
        PkixReason.NO_CERTIFICATE: (),
        PkixReason.UNPARSABLE: (Issued(b"", leaf.name, leaf.key),),
        PkixReason.SELF_SIGNED: (leaf_of(None),),
        PkixReason.UNKNOWN_ISSUER: (leaf_of(unknown), unknown),
        PkixReason.INCOMPLETE_CHAIN: (leaf,),
        PkixReason.BAD_SIGNATURE: (altered, intermediate),
        PkixReason.NOT_A_CA: (leaf_of(customer), customer),
        PkixReason.WEAK_SIGNATURE: (reissue_with_sha1(leaf_of(old), old), old),
        PkixReason.WEAK_KEY: (leaf_of(root, key=old_key),),
        PkixReason.OTHER_PATH: (leaf_of(root, usages=[ExtendedKeyUsageOID.CODE_SIGNING]),),
        PkixReason.EXPIRED: (leaf_of(root, first=FIRST - YEAR, last=FIRST),),
        PkixReason.NOT_YET_VALID: (leaf_of(root, first=LAST, last=LAST + YEAR),),
        PkixReason.NAME_MISMATCH: (issue("x", root, dns_names=["x.example.org"]),),
    }
    assert {reason: judge(store, *chain).reason for reason, chain in chains.items()} == {
        reason: reason for reason in PkixReason
    }


# --- the judge's memory --------------------------------------------------------------------------------


def test_a_chain_seen_before_is_not_verified_again(
    store: RootStore, leaf: Issued, intermediate: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = {issued.sha256: issued.record for issued in (leaf, intermediate)}
    remembering = PkixJudge(store, certificates)
    chain = (leaf.sha256, intermediate.sha256)
    assert remembering.judge(chain, HOST, NOW).is_valid
    monkeypatch.setattr(pkix, "find_path", None)
    assert remembering.judge(chain, HOST, LAST).is_valid
    assert remembering.judge(chain, HOST, LAST + YEAR).reason is PkixReason.EXPIRED
    assert remembering.judge(chain, "other.example", NOW).reason is PkixReason.NAME_MISMATCH


# --- the root store ------------------------------------------------------------------------------------


def test_a_root_store_knows_its_digest_and_its_size(root: Issued) -> None:
    other = issue("Other Root", is_ca=True)
    text = b"# Mozilla\n" + pem(root, other, root)
    store = RootStore(text)
    assert store.size == 2
    assert len(store.sha256) == 64
    assert judge(store, leaf_of(other)).is_valid


def test_the_default_root_store_can_be_read() -> None:
    assert RootStore.load(certifi.where()).size > 100


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
def test_a_root_store_without_a_readable_certificate_is_an_error_that_names_the_file(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "roots.pem"
    file.write_bytes(content)
    with pytest.raises(RootStoreError, match=r"roots\.pem"):
        RootStore.load(str(file))


def test_a_missing_root_store_is_an_error_that_names_the_file() -> None:
    with pytest.raises(RootStoreError, match="nowhere"):
        RootStore.load("/nowhere/roots.pem")
