"""Certificates that few would issue, and chains that few would send: each has its verdict."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import PkixReason
from crawler.protocol.der import elements, read_element
from crawler.verdicts.pkix import PkixJudge, PkixVerdict, RootStore
from crawler.verdicts.purpose import is_for_servers, key_may_serve
from tests.oracles.chain_world import HOST, Chain
from tests.oracles.chains import make_chains
from tests.oracles.crafting import SERVER_AUTH, Crafted, craft, der, dns, extension, ip, pem, sequence


@pytest.fixture(scope="module")
def chains() -> dict[str, Chain]:
    return {name: chain for named in make_chains().values() for name, chain in named.items()}


def judge(chain: Chain) -> PkixVerdict:
    records = [certificate.record for certificate in chain.sent]
    judge = PkixJudge(RootStore(pem(chain.roots)), {record.sha256: record for record in records})
    return judge.judge(tuple(record.sha256 for record in records), chain.host, chain.at)


GOOD = [
    "good",
    "serial number zero",
    "serial number negative",
    "serial number of 40 octets",
    "extension twice",
    "odd URI beside",
    "address beside",
    "address of five octets beside",
    "A-label",
    "A-label in upper case",
    "upper case presented",
    "final dot asked for",
    "wildcard, one label",
    "wildcard, A-label",
    "1,000 names",
    "longest name",
    "for any purpose",
    "key for encipherment",
    "empty subject, names not critical",
    "cross-signed, self-signed twin sent too",
    "path length, self-issued not counted",
    "valid to 9999",
]
BAD = {
    "no name at all": (PkixReason.NAME_MISMATCH, 0),
    "alternative names without one": (PkixReason.NAME_MISMATCH, 0),
    "common name only": (PkixReason.NAME_MISMATCH, 0),
    "URI only": (PkixReason.NAME_MISMATCH, 0),
    "address written as a name": (PkixReason.NAME_MISMATCH, 0),
    "common name beside an address": (PkixReason.NAME_MISMATCH, 0),
    "wildcard alone": (PkixReason.NAME_MISMATCH, 0),
    "wildcard and a dot": (PkixReason.NAME_MISMATCH, 0),
    "wildcard behind a letter": (PkixReason.NAME_MISMATCH, 0),
    "wildcard, two labels": (PkixReason.NAME_MISMATCH, 0),
    "two wildcards": (PkixReason.NAME_MISMATCH, 0),
    "UTF-8 for an A-label": (PkixReason.NAME_MISMATCH, 0),
    "UTF-8 for UTF-8": (PkixReason.NAME_MISMATCH, 0),
    "Latin-1": (PkixReason.NAME_MISMATCH, 0),
    "NUL inside": (PkixReason.NAME_MISMATCH, 0),
    "final dot presented": (PkixReason.NAME_MISMATCH, 0),
    "underscore": (PkixReason.NAME_MISMATCH, 0),
    "empty name": (PkixReason.NAME_MISMATCH, 0),
    "version 1": (PkixReason.NAME_MISMATCH, 0),
    "server's certificate not first": (PkixReason.OTHER_PATH, 26),
    "for clients only": (PkixReason.OTHER_PATH, 26),
    "intermediate for clients only": (PkixReason.OTHER_PATH, 26),
    "key for CRLs only": (PkixReason.OTHER_PATH, 26),
    "unknown critical extension": (PkixReason.OTHER_PATH, 34),
    "name constraints: not permitted": (PkixReason.OTHER_PATH, 47),
    "name constraints: excluded": (PkixReason.OTHER_PATH, 48),
    "curve spelled out": (PkixReason.OTHER_PATH, 94),
    "alternative names twice": (PkixReason.OTHER_PATH, 20),
    "extended key usage malformed": (PkixReason.OTHER_PATH, 20),
    "unknown kind of name beside": (PkixReason.OTHER_PATH, 20),
    "one of two intermediates missing": (PkixReason.INCOMPLETE_CHAIN, 20),
    "path length exceeded": (PkixReason.NOT_A_CA, 25),
    "issuer of version 1": (PkixReason.NOT_A_CA, 79),
    "key on secp192r1": (PkixReason.WEAK_KEY, 66),
    "signed with RSA and md5": (PkixReason.WEAK_SIGNATURE, 68),
    "cross-signed, unknown, self-signed twin sent too": (PkixReason.UNKNOWN_ISSUER, 19),
    "root of the same name and another key": (PkixReason.INCOMPLETE_CHAIN, 20),
    "serial number altered": (PkixReason.BAD_SIGNATURE, 7),
    "serial number padded": (PkixReason.UNPARSABLE, None),
    "serial number without an octet": (PkixReason.UNPARSABLE, None),
    "octets behind the certificate": (PkixReason.UNPARSABLE, None),
    "not a certificate": (PkixReason.UNPARSABLE, None),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_odd_and_no_error_is_valid(chains: dict[str, Chain], name: str) -> None:
    assert judge(chains[name]).is_valid


@pytest.mark.parametrize("name", BAD)
def test_what_is_an_error_has_its_reason(chains: dict[str, Chain], name: str) -> None:
    verdict = judge(chains[name])
    assert (verdict.reason, verdict.verify_code) == BAD[name]


def test_no_chain_raises(chains: dict[str, Chain]) -> None:
    for chain in chains.values():
        verdict = judge(chain)
        assert verdict.is_valid == (verdict.path_ok and verdict.time_ok and verdict.name_ok)


ISSUER = craft("Issuer", ca=True, key=ed25519.Ed25519PrivateKey.generate())
SERVER = craft(HOST, ISSUER, names=[dns(HOST), ip(b"\xc0\x00\x02\x01")], purposes=[SERVER_AUTH])


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=3))
def test_no_octets_whatever_raise_though_the_issuer_signed_them(changes: list[tuple[int, int]]) -> None:
    body, algorithm, _ = elements(read_element(SERVER.der)[0].contents)
    octets = bytearray(body.encoding)
    for position, change in changes:
        octets[position % len(octets)] ^= change
    assert isinstance(ISSUER.key, ed25519.Ed25519PrivateKey)
    signature = der(0x03, b"\0", ISSUER.key.sign(bytes(octets)))
    odd = Crafted(sequence(bytes(octets), algorithm.encoding, signature), SERVER.name, SERVER.key, b"")
    for sent, roots in (((odd,), (ISSUER,)), ((odd, ISSUER), (SERVER,))):
        verdict = judge(Chain(sent, roots))
        assert verdict.is_valid == (verdict.reason is None)


KEY = ec.generate_private_key(ec.SECP256R1())


def certificate_with(*extensions: bytes) -> bytes:
    return craft("x", key=KEY, usage=None, more=extensions).der


@given(st.sampled_from(["2.5.29.15", "2.5.29.37"]), st.binary(max_size=12), st.integers(1, 2))
def test_any_usage_has_an_answer(oid: str, value: bytes, times: int) -> None:
    odd = certificate_with(*[extension(oid, value)] * times)
    assert key_may_serve(odd) in (True, False)
    assert is_for_servers(odd) in (True, False)


def test_a_usage_that_is_none_counts_as_absent() -> None:
    for oid in ("2.5.29.15", "2.5.29.37"):
        odd = certificate_with(extension(oid, der(0x05, b"")))
        assert key_may_serve(odd)
        assert is_for_servers(odd)
    assert key_may_serve(b"")
    assert is_for_servers(b"no certificate")


def test_a_key_usage_of_no_bit_allows_nothing() -> None:
    assert not key_may_serve(certificate_with(extension("2.5.29.15", b"\x03\x02\x00\x00")))
