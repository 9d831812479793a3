"""Certificates as servers send them (RFC 5280), read octet by octet.

Libraries refuse a certificate for one odd part: a negative serial number, a URI that is none among the
subject alternative names, an unknown algorithm. A survey wants what else it says, so each column is read by
itself, and each subject alternative name too.
"""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from crawler.protocol.der import (
    BOOLEAN,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    Element,
    elements,
    expect,
    read_bit_string,
    read_element,
    read_integer,
    read_oid,
    read_time,
)
from crawler.protocol.distinguished_name import common_names, rfc4514_string
from crawler.protocol.signature import algorithm_name, algorithm_oid, verifies
from crawler.protocol.text import printable
from crawler.records import Certificate

_VERSION, _EXTENSIONS, _DNS_NAME = 0xA0, 0xA3, 0x82
_SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"
_BASIC_CONSTRAINTS = "2.5.29.19"

_KEY_TYPES = {
    "1.2.840.113549.1.1.1": "rsa",
    "1.2.840.113549.1.1.10": "rsa",  # restricted to RSASSA-PSS
    "1.2.840.10045.2.1": "ec",
    "1.2.840.10040.4.1": "dsa",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
}
_KEY_BITS = {"ed25519": 256, "ed448": 456}
_CURVE_BITS = {
    "1.2.840.10045.3.1.1": 192,
    "1.3.132.0.33": 224,
    "1.2.840.10045.3.1.7": 256,
    "1.3.132.0.10": 256,
    "1.3.132.0.34": 384,
    "1.3.132.0.35": 521,
    "1.3.36.3.3.2.8.1.1.7": 256,
    "1.3.36.3.3.2.8.1.1.11": 384,
    "1.3.36.3.3.2.8.1.1.13": 512,
}


class _Parts(NamedTuple):
    """The parts of a certificate, each to be read by itself."""

    to_be_signed: Element
    signature_algorithm: Element
    signature: Element
    serial_number: Element
    issuer: Element
    validity: Element
    subject: Element
    public_key_info: Element
    extensions: Element | None


def read_certificate(der: bytes) -> Certificate:
    """Return what a certificate says; never raises.

    What cannot be read is null, and `parse_failure` names the first such part; the other columns stand.
    """
    fields: dict[str, Any] = dict.fromkeys(_READERS)
    failure: str | None = None
    try:
        parts = _split(der)
    except DerError as error:
        failure = str(error)
    else:
        for name, read in _READERS.items():
            try:
                fields[name] = read(parts)
            except DerError as error:
                failure = failure or f"{name}: {error}"
    return Certificate(sha256=hashlib.sha256(der).hexdigest(), der=der, parse_failure=failure, **fields)


def read_public_key_info(der: bytes) -> Element:
    """Return a SubjectPublicKeyInfo that stands by itself. Raises DerError."""
    information, end = read_element(der)
    if end != len(der):
        raise DerError("octets behind the key")
    algorithm, key = _exactly(2, information)
    algorithm_oid(algorithm)
    read_bit_string(key)
    return information


def public_key_info(der: bytes) -> bytes | None:
    """Return the SubjectPublicKeyInfo of a certificate, as it is encoded; None if it cannot be read."""
    try:
        return _split(der).public_key_info.encoding
    except DerError:
        return None


def extension_value(der: bytes, wanted: str) -> bytes | None:
    """Return the value of the first extension of a type (OID, dotted); None if absent or not to be read."""
    try:
        return _extension(_split(der), wanted)
    except DerError:
        return None


def is_signed_by(der: bytes, key_info: bytes) -> bool:
    """Whether a certificate's signature verifies with a key (SubjectPublicKeyInfo)."""
    try:
        parts = _split(der)
        signature = read_bit_string(parts.signature)
        return bool(verifies(parts.signature_algorithm, key_info, signature, parts.to_be_signed.encoding))
    except DerError:
        return False


def _split(der: bytes) -> _Parts:
    certificate, end = read_element(der)
    if end != len(der):
        raise DerError("octets behind the certificate")
    to_be_signed, signature_algorithm, signature = _exactly(3, certificate)
    members = list(elements(expect(to_be_signed, SEQUENCE)))
    if members and members[0].tag == _VERSION:
        del members[0]
    if len(members) < 6:
        raise DerError("certificate without a key")
    extensions = next((member for member in members[6:] if member.tag == _EXTENSIONS), None)
    serial_number, _, issuer, validity, subject, public_key_info = members[:6]
    return _Parts(
        to_be_signed,
        signature_algorithm,
        signature,
        serial_number,
        issuer,
        validity,
        subject,
        public_key_info,
        extensions,
    )


def _exactly(count: int, sequence: Element) -> list[Element]:
    members = list(elements(expect(sequence, SEQUENCE)))
    if len(members) != count:
        raise DerError(f"{len(members)} members, not {count}")
    return members


def _first(sequence: Element) -> Element | None:
    return next(elements(expect(sequence, SEQUENCE)), None)


def _extension(parts: _Parts, wanted: str) -> bytes | None:
    """Return the value of the first extension of a type, None if none; malformed ones are passed over."""
    if parts.extensions is None:
        return None
    sequence, _ = read_element(parts.extensions.contents)
    for extension in elements(expect(sequence, SEQUENCE)):
        try:
            members = expect(extension, SEQUENCE)
            if read_oid(read_element(members)[0]) != wanted:
                continue
            _oid, *critical, value = elements(members)
            if len(critical) <= 1:
                return expect(value, OCTET_STRING)
        except ValueError:
            continue
    return None


def _dns_names(parts: _Parts) -> tuple[str, ...]:
    """Return the DNS names of the subject alternative name; any other or malformed entry is passed over."""
    value = _extension(parts, _SUBJECT_ALTERNATIVE_NAME)
    if value is None:
        return ()
    octets, offset = expect(read_element(value)[0], SEQUENCE), 0
    names = []
    while offset < len(octets):
        try:
            name, offset = read_element(octets, offset)
        except DerError:
            # An entry claims to be longer than all of them: where the next one begins cannot be told.
            break
        if name.tag == _DNS_NAME:
            names.append(printable(name.contents))
    return tuple(names)


def _is_ca(parts: _Parts) -> bool:
    value = _extension(parts, _BASIC_CONSTRAINTS)
    if value is None:
        return False
    first = _first(read_element(value)[0])
    return first is not None and first.tag == BOOLEAN and any(first.contents)


def _serial_number(parts: _Parts) -> str:
    return f"{read_integer(parts.serial_number):x}"


def _key_type(parts: _Parts) -> str:
    algorithm, _ = _exactly(2, parts.public_key_info)
    return _KEY_TYPES.get(algorithm_oid(algorithm), "other")


def _key_bits(parts: _Parts) -> int | None:
    """Return the size of modulus, prime or field; None for kinds and curves not known."""
    algorithm, key = _exactly(2, parts.public_key_info)
    key_type = _KEY_TYPES.get(algorithm_oid(algorithm), "other")
    if key_type == "rsa":
        modulus = _first(read_element(read_bit_string(key))[0])
        return read_integer(modulus).bit_length()
    parameters = list(elements(algorithm.contents))[1:]
    if key_type == "ec" and parameters and parameters[0].tag == OBJECT_IDENTIFIER:
        return _CURVE_BITS.get(read_oid(parameters[0]))
    if key_type == "dsa" and parameters and parameters[0].tag == SEQUENCE:
        return read_integer(_first(parameters[0])).bit_length()
    return _KEY_BITS.get(key_type)


def _self_signed(parts: _Parts) -> bool | None:
    return verifies(
        parts.signature_algorithm,
        parts.public_key_info.encoding,
        read_bit_string(parts.signature),
        parts.to_be_signed.encoding,
    )


_READERS: dict[str, Callable[[_Parts], Any]] = {
    "subject": lambda parts: rfc4514_string(parts.subject),
    "issuer": lambda parts: rfc4514_string(parts.issuer),
    "serial_number": _serial_number,
    "not_before": lambda parts: read_time(_exactly(2, parts.validity)[0]),
    "not_after": lambda parts: read_time(_exactly(2, parts.validity)[1]),
    "key_type": _key_type,
    "key_bits": _key_bits,
    "signature_algorithm": lambda parts: algorithm_name(parts.signature_algorithm),
    "dns_names": _dns_names,
    "common_names": lambda parts: common_names(parts.subject),
    "is_ca": _is_ca,
    "self_signed": _self_signed,
    "spki_sha256": lambda parts: hashlib.sha256(parts.public_key_info.encoding).hexdigest(),
}
"""The columns of a certificate but its own octets, each with how it is read."""
