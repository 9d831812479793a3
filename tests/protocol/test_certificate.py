"""Certificates, sound and odd. The odd ones are put together here, since no library makes them."""

import hashlib
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.certificate import read_certificate
from crawler.records import Certificate

PSS = "1.2.840.113549.1.1.10"
SHA256_WITH_RSA = "1.2.840.113549.1.1.11"
ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
SAN, BASIC_CONSTRAINTS = "2.5.29.17", "2.5.29.19"
NULL = b"\x05\x00"


def der(tag: int, *contents: bytes) -> bytes:
    body = b"".join(contents)
    size = bytes((len(body),)) if len(body) < 128 else b"\x82" + len(body).to_bytes(2)
    return bytes((tag,)) + size + body


def oid(dotted: str) -> bytes:
    first, second, *arcs = map(int, dotted.split("."))
    octets = bytearray()
    for arc in (40 * first + second, *arcs):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return der(0x06, bytes(octets))


def algorithm(dotted: str, parameters: bytes = b"") -> bytes:
    return der(0x30, oid(dotted), parameters)


def name(*attributes: tuple[str, int, bytes]) -> bytes:
    return der(0x30, *(der(0x31, der(0x30, oid(kind), der(tag, value))) for kind, tag, value in attributes))


def common_name(text: str) -> bytes:
    return name(("2.5.4.3", 0x0C, text.encode()))


def extension(kind: str, value: bytes) -> bytes:
    return der(0x30, oid(kind), der(0x04, value))


def spki(key: Any) -> bytes:
    octets = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert isinstance(octets, bytes)
    return octets


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def sign_ecdsa(octets: bytes) -> bytes:
    return ec_key().sign(octets, ec.ECDSA(hashes.SHA256()))


def certificate(
    *extensions: bytes,
    sign: Callable[[bytes], bytes] = sign_ecdsa,
    signature_algorithm: bytes | None = None,
    public_key: bytes | None = None,
    serial: bytes = b"\x01",
    subject: bytes | None = None,
    issuer: bytes | None = None,
    not_before: bytes = der(0x17, b"240101000000Z"),
    not_after: bytes = der(0x18, b"20991231235959Z"),
) -> bytes:
    """Return a certificate, self-signed by the EC key unless told otherwise."""
    signature_algorithm = signature_algorithm or algorithm(ECDSA_WITH_SHA256)
    subject = common_name("mx.example.com") if subject is None else subject
    to_be_signed = der(
        0x30,
        der(0xA0, der(0x02, b"\x02")),
        der(0x02, serial),
        signature_algorithm,
        subject if issuer is None else issuer,
        der(0x30, not_before, not_after),
        subject,
        spki(ec_key()) if public_key is None else public_key,
        der(0xA3, der(0x30, *extensions)) if extensions else b"",
    )
    return der(0x30, to_be_signed, signature_algorithm, der(0x03, b"\0", sign(to_be_signed)))


def san(*names: bytes) -> bytes:
    return extension(SAN, der(0x30, *names))


def dns(text: bytes) -> bytes:
    return der(0x82, text)


# --- sound certificates --------------------------------------------------------------------------------


def built(key: Any, digest: Any) -> x509.Certificate:
    """Return a self-signed certificate made by the library."""
    attributes = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Mail, "Inc." + <Sons>; #1\\'),
            x509.NameAttribute(NameOID.COMMON_NAME, "mx.example.com"),
            x509.NameAttribute(NameOID.COMMON_NAME, " padded "),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "#1"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(attributes)
        .issuer_name(attributes)
        .public_key(key.public_key())
        .serial_number(0xDEADBEEF)
        .not_valid_before(datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .not_valid_after(datetime(2050, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.RFC822Name("a@example.com"),
                    x509.DNSName("MX.example.com"),
                    x509.DNSName("*.example.net"),
                ]
            ),
            critical=False,
        )
        .sign(key, digest)
    )


@pytest.mark.parametrize(
    ("key", "digest", "key_type", "key_bits", "signature_algorithm"),
    [
        (rsa_key(), hashes.SHA256(), "rsa", 2048, "sha256WithRSAEncryption"),
        (rsa_key(), hashes.SHA3_512(), "rsa", 2048, "rsassa-pkcs1-v1_5-with-sha3-512"),
        (ec_key(), hashes.SHA256(), "ec", 256, "ecdsa-with-SHA256"),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA512(), "ec", 384, "ecdsa-with-SHA512"),
        (ec.generate_private_key(ec.SECP521R1()), hashes.SHA224(), "ec", 521, "ecdsa-with-SHA224"),
        (ed25519.Ed25519PrivateKey.generate(), None, "ed25519", 256, "Ed25519"),
        (ed448.Ed448PrivateKey.generate(), None, "ed448", 456, "Ed448"),
    ],
)
def test_a_certificate_of_each_key_type_is_read_as_the_library_wrote_it(
    key: Any, digest: Any, key_type: str, key_bits: int, signature_algorithm: str
) -> None:
    written = built(key, digest)
    octets = written.public_bytes(serialization.Encoding.DER)
    assert read_certificate(octets) == Certificate(
        sha256=written.fingerprint(hashes.SHA256()).hex(),
        der=octets,
        parse_failure=None,
        subject=written.subject.rfc4514_string(),
        issuer=written.issuer.rfc4514_string(),
        serial_number="deadbeef",
        not_before=datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        not_after=datetime(2050, 1, 1, tzinfo=UTC),
        key_type=key_type,
        key_bits=key_bits,
        signature_algorithm=signature_algorithm,
        dns_names=("MX.example.com", "*.example.net"),
        common_names=("mx.example.com", " padded "),
        is_ca=True,
        self_signed=True,
        spki_sha256=hashlib.sha256(spki(key)).hexdigest(),
    )


def test_a_certificate_signed_by_another_key_is_not_self_signed_whatever_its_names_say() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert read_certificate(certificate(public_key=spki(other))).self_signed is False
    assert read_certificate(certificate(public_key=spki(rsa_key()))).self_signed is False


def test_a_certificate_that_verifies_with_its_own_key_is_self_signed_whatever_its_names_say() -> None:
    read = read_certificate(certificate(issuer=common_name("someone else")))
    assert (read.self_signed, read.issuer, read.subject) == (True, "CN=someone else", "CN=mx.example.com")


def test_a_changed_certificate_is_not_self_signed() -> None:
    octets = certificate().replace(b"mx.example.com", b"mx.example.net")
    assert read_certificate(octets).self_signed is False


@pytest.mark.parametrize(
    ("dotted", "digest", "signature_algorithm"),
    [
        ("1.2.840.113549.1.1.4", hashes.MD5(), "md5WithRSAEncryption"),
        ("1.2.840.113549.1.1.5", hashes.SHA1(), "sha1WithRSAEncryption"),
        ("1.3.14.3.2.29", hashes.SHA1(), "sha1WithRSAEncryption"),
    ],
)
def test_weak_rsa_signatures_are_verified_too(dotted: str, digest: Any, signature_algorithm: str) -> None:
    octets = certificate(
        sign=lambda signed: rsa_key().sign(signed, padding.PKCS1v15(), digest),
        signature_algorithm=algorithm(dotted, NULL),
        public_key=spki(rsa_key()),
    )
    read = read_certificate(octets)
    assert (read.self_signed, read.signature_algorithm, read.parse_failure) == (
        True,
        signature_algorithm,
        None,
    )


def test_weak_ecdsa_signatures_are_verified_too() -> None:
    octets = certificate(
        sign=lambda signed: ec_key().sign(signed, ec.ECDSA(hashes.SHA1())),
        signature_algorithm=algorithm("1.2.840.10045.4.1"),
    )
    assert read_certificate(octets).self_signed is True


def test_dsa_keys_are_read_and_their_signatures_verified() -> None:
    key = dsa.generate_private_key(1024)
    octets = certificate(
        sign=lambda signed: key.sign(signed, hashes.SHA256()),
        signature_algorithm=algorithm("2.16.840.1.101.3.4.3.2"),
        public_key=spki(key),
    )
    read = read_certificate(octets)
    assert (read.key_type, read.key_bits, read.self_signed) == ("dsa", 1024, True)


SHA384 = algorithm("2.16.840.1.101.3.4.2.2")
SHA256 = algorithm("2.16.840.1.101.3.4.2.1")


@pytest.mark.parametrize(
    ("digest", "salt_length", "parameters"),
    [
        (hashes.SHA1(), 20, b""),
        (hashes.SHA1(), 20, der(0x30)),
        (
            hashes.SHA384(),
            48,
            der(
                0x30,
                der(0xA0, SHA384),
                der(0xA1, algorithm("1.2.840.113549.1.1.8", SHA384)),
                der(0xA2, der(0x02, b"\x30")),
            ),
        ),
    ],
)
def test_pss_signatures_are_verified_with_their_parameters(
    digest: Any, salt_length: int, parameters: bytes
) -> None:
    octets = certificate(
        sign=lambda signed: rsa_key().sign(signed, padding.PSS(padding.MGF1(digest), salt_length), digest),
        signature_algorithm=algorithm(PSS, parameters),
        public_key=spki(rsa_key()),
    )
    read = read_certificate(octets)
    assert (read.self_signed, read.signature_algorithm) == (True, "RSASSA-PSS")


def test_a_key_for_pss_alone_is_an_rsa_key() -> None:
    plain = spki(rsa_key())
    public_key = der(0x30, algorithm(PSS), plain[plain.index(b"\x03\x82\x01") :])
    parameters = der(
        0x30,
        der(0xA0, SHA256),
        der(0xA1, algorithm("1.2.840.113549.1.1.8", SHA256)),
        der(0xA2, der(0x02, b"\x20")),
    )
    octets = certificate(
        sign=lambda signed: rsa_key().sign(
            signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
        ),
        signature_algorithm=algorithm(PSS, parameters),
        public_key=public_key,
    )
    read = read_certificate(octets)
    assert (read.key_type, read.key_bits, read.self_signed) == ("rsa", 2048, True)


@pytest.mark.parametrize(
    ("signature_algorithm", "shown"),
    [
        (algorithm("1.2.840.113549.1.1.2", NULL), "md2WithRSAEncryption"),
        (algorithm("1.2.3.4.5"), "1.2.3.4.5"),
        (algorithm(PSS, der(0x30, der(0xA0, algorithm("1.2.3")))), "RSASSA-PSS"),
    ],
)
def test_of_a_signature_that_cannot_be_verified_nothing_is_said(
    signature_algorithm: bytes, shown: str
) -> None:
    read = read_certificate(certificate(signature_algorithm=signature_algorithm, public_key=spki(rsa_key())))
    assert (read.self_signed, read.signature_algorithm, read.parse_failure) == (None, shown, None)


@pytest.mark.parametrize(
    ("public_key", "key_type", "key_bits"),
    [
        (der(0x30, algorithm("1.2.3.4"), der(0x03, b"\0key")), "other", None),
        (der(0x30, algorithm("1.2.840.10045.2.1", oid("1.2.3")), der(0x03, b"\0\4")), "ec", None),
        (der(0x30, algorithm("1.2.840.10045.2.1", der(0x30)), der(0x03, b"\0\4")), "ec", None),
        (der(0x30, algorithm("1.3.101.110"), der(0x03, b"\0" + b"x" * 32)), "other", None),
        (
            der(0x30, algorithm("1.2.840.113549.1.1.1", NULL),
                der(0x03, b"\0", der(0x30, der(0x02, b"\0" + b"\xff" * 64), der(0x02, b"\3")))),
            "rsa",
            512,
        ),
    ],
)  # fmt: skip
def test_odd_keys_spoil_nothing_else(public_key: bytes, key_type: str, key_bits: int | None) -> None:
    read = read_certificate(certificate(san(dns(b"mx.example.com")), public_key=public_key))
    assert (read.key_type, read.key_bits, read.parse_failure) == (key_type, key_bits, None)
    assert read.dns_names == ("mx.example.com",)
    assert read.spki_sha256 is not None
    assert read.self_signed is not True


# --- odd parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("serial", "text"),
    [(b"\x00", "0"), (b"\xff", "-1"), (b"\x80" + b"\0" * 19, "-8" + "0" * 39), (b"\x7f" * 40, "7f" * 40)],
)
def test_serial_numbers_may_be_zero_negative_or_long(serial: bytes, text: str) -> None:
    read = read_certificate(certificate(serial=serial))
    assert (read.serial_number, read.parse_failure, read.self_signed) == (text, None, True)


@pytest.mark.parametrize(
    "odd",
    [
        der(0x86, b"https://[::bad:port/"),
        der(0x86, b"sip:mx.example.com:port"),
        der(0x81, b"no address"),
        der(0x87, b"\1\2\3"),
        der(0x88, b""),
        der(0xA0, b"\xff\xff"),
        der(0xA4, b"\x30\x05"),
        der(0xA2, b"constructed.example.com"),
        der(0x89, b"what"),
        der(0x0C, b"universal"),
    ],
)
def test_an_odd_alternative_name_is_passed_over_alone(odd: bytes) -> None:
    read = read_certificate(certificate(san(odd, dns(b"a.example"), odd, dns(b"b.example"))))
    assert (read.dns_names, read.parse_failure) == (("a.example", "b.example"), None)


def test_names_before_one_without_an_end_are_kept() -> None:
    read = read_certificate(certificate(san(dns(b"a.example"), b"\x82\x7fb.example")))
    assert (read.dns_names, read.parse_failure) == (("a.example",), None)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("bücher.example".encode(), r"b\xC3\xBCcher.example"),
        (b"mx.example.com\0.evil.example", r"mx.example.com\x00.evil.example"),
        (b"", ""),
        (b"*.example.com", "*.example.com"),
        (b"a\\b", r"a\\b"),
    ],
)
def test_a_dns_name_is_kept_as_presented(octets: bytes, text: str) -> None:
    assert read_certificate(certificate(san(dns(octets)))).dns_names == (text,)


def test_without_alternative_names_there_are_no_dns_names_and_the_common_name_is_none() -> None:
    read = read_certificate(certificate())
    assert (read.dns_names, read.common_names, read.is_ca) == ((), ("mx.example.com",), False)


def test_other_extensions_however_odd_do_not_matter() -> None:
    odd = [
        der(0x30),
        der(0x30, oid("1.2.3")),
        extension("2.5.29.35", b"\xff\xff"),
        der(0x05),
        der(0x30, b"\xff"),
    ]
    read = read_certificate(
        certificate(*odd, san(dns(b"a.example")), extension(BASIC_CONSTRAINTS, der(0x30)))
    )
    assert (read.dns_names, read.is_ca, read.parse_failure) == (("a.example",), False, None)


@pytest.mark.parametrize(
    ("contents", "is_ca"),
    [
        (der(0x01, b"\xff"), True),
        (der(0x01, b"\x01"), True),
        (der(0x01, b"\0"), False),
        (der(0x02, b"\1"), False),
    ],
)
def test_basic_constraints_say_whether_it_is_a_ca(contents: bytes, is_ca: bool) -> None:
    critical = der(0x30, oid(BASIC_CONSTRAINTS), der(0x01, b"\xff"), der(0x04, der(0x30, contents)))
    assert read_certificate(certificate(critical)).is_ca is is_ca


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (der(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (der(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der(0x18, b"00010101000000Z"), datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_both_forms(time: bytes, expected: datetime) -> None:
    read = read_certificate(certificate(not_after=time))
    assert (read.not_after, read.parse_failure) == (expected, None)


@pytest.mark.parametrize(
    "time",
    [
        der(0x17, b""),
        der(0x17, b"Z"),
        der(0x17, b"2401010000Z"),
        der(0x17, b"240101000000"),
        der(0x17, b"240101000000+0100"),
        der(0x17, b"241301000000Z"),
        der(0x17, b"240230000000Z"),
        der(0x17, b"240101000060Z"),
        der(0x17, b" 40101000000Z"),
        der(0x18, b"00000101000000Z"),
        der(0x18, b"20240101000000.5Z"),
        der(0x16, b"240101000000Z"),
    ],
)
def test_a_time_that_cannot_be_read_is_named_and_spoils_nothing_else(time: bytes) -> None:
    read = read_certificate(certificate(san(dns(b"a.example")), not_after=time))
    assert read.parse_failure is not None
    assert read.parse_failure.startswith("not_after: ")
    assert read.not_after is None
    assert (read.not_before, read.dns_names, read.self_signed) == (
        datetime(2024, 1, 1, tzinfo=UTC),
        ("a.example",),
        True,
    )


@pytest.mark.parametrize(
    ("tag", "value", "subject", "names"),
    [
        (0x0C, "Müller".encode(), r"CN=M\C3\BCller", (r"M\xC3\xBCller",)),
        (0x14, b"M\xfcller", r"CN=M\C3\BCller", (r"M\xC3\xBCller",)),
        (0x1E, "Mü".encode("utf-16-be"), r"CN=M\C3\BC", (r"M\xC3\xBC",)),
        (0x1C, "Mü".encode("utf-32-be"), r"CN=M\C3\BC", (r"M\xC3\xBC",)),
        (0x13, b"mx\0.example", r"CN=mx\00.example", (r"mx\x00.example",)),
        (0x13, b"M\xfcller", "CN=#13064DFC6C6C6572", (r"M\xFCller",)),
        (0x1E, b"odd", "CN=#1E036F6464", ("odd",)),
        (0x02, b"\x01", "CN=#020101", (r"\x01",)),
        (0x0C, b"", "CN=", ("",)),
        (0x0C, b" ", r"CN=\ ", (" ",)),
        (0x0C, b"# x ", r"CN=\# x\ ", ("# x ",)),
    ],
)
def test_names_are_shown_in_printable_ascii(
    tag: int, value: bytes, subject: str, names: tuple[str, ...]
) -> None:
    read = read_certificate(certificate(subject=name(("2.5.4.3", tag, value))))
    assert (read.subject, read.common_names, read.parse_failure) == (subject, names, None)


def test_attributes_without_a_short_name_are_shown_in_hexadecimal() -> None:
    subject = name(("1.3.6.1.4.1.311.60.2.1.3", 0x13, b"DE"), ("1.2.840.113549.1.9.1", 0x16, b"a@b.example"))
    assert (
        read_certificate(certificate(subject=subject)).subject
        == "emailAddress=a@b.example,1.3.6.1.4.1.311.60.2.1.3=#13024445"
    )


def test_names_with_several_values_and_without_any_are_read() -> None:
    several = der(
        0x30,
        der(0x31, der(0x30, oid("2.5.4.10"), der(0x0C, b"O")), der(0x30, oid("2.5.4.11"), der(0x0C, b"U"))),
        der(0x31, der(0x30, oid("2.5.4.3"), der(0x0C, b"C"))),
    )
    assert read_certificate(certificate(subject=several)).subject == "CN=C,O=O+OU=U"
    assert read_certificate(certificate(subject=der(0x30))).subject == ""


# --- anything at all -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x80\0\0",
        b"\x30\x00",
        b"\x31\x03\x02\x01\x00",
        b"\x3f\x81\x00",
        b"\x30\x89" + b"\xff" * 9,
        der(0x30, der(0x30), der(0x30), der(0x03, b"\0")),
    ],
)
def test_what_is_no_certificate_has_a_reason_and_no_fields(octets: bytes) -> None:
    read = read_certificate(octets)
    assert read.parse_failure
    kept = {"sha256", "der", "parse_failure"}
    assert {f.name for f in fields(read) if getattr(read, f.name) is not None} == kept


def test_octets_behind_a_certificate_are_a_failure() -> None:
    assert read_certificate(certificate() + b"\0").parse_failure == "octets behind the certificate"


def test_a_certificate_cut_anywhere_is_a_failure() -> None:
    octets = certificate(san(dns(b"a.example")))
    assert all(read_certificate(octets[:end]).parse_failure for end in range(len(octets)))


@given(st.binary())
def test_any_octets_are_read_without_an_error(octets: bytes) -> None:
    assert read_certificate(octets).parse_failure


SAMPLE = built(ec_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=4))
def test_a_certificate_with_changed_octets_is_read_without_an_error(changes: list[tuple[int, int]]) -> None:
    octets = bytearray(SAMPLE)
    for place, octet in changes:
        octets[place] = octet
    assert read_certificate(bytes(octets)).der == octets


primitive = st.builds(der, st.sampled_from([1, 2, 3, 4, 5, 6, 0x0C, 0x17, 0x82, 0x1F]), st.binary(max_size=8))
shallow = st.builds(der, st.sampled_from([0x30, 0x31, 0xA0]), primitive, primitive)
tlv = primitive | shallow | st.builds(der, st.sampled_from([0x30, 0x31]), shallow, shallow | primitive)


@given(st.lists(tlv, min_size=6, max_size=6), tlv, tlv)
def test_any_elements_in_the_place_of_the_parts_are_read_without_an_error(
    members: list[bytes], signature_algorithm: bytes, extensions: bytes
) -> None:
    to_be_signed = der(0x30, *members, der(0xA3, extensions))
    read = read_certificate(der(0x30, to_be_signed, signature_algorithm, der(0x03, b"\0sig")))
    assert read.parse_failure
