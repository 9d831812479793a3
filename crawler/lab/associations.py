"""TLSA association data, which exist only once certificates are issued."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crawler.lab.internet import DnsAnswer, Internet

PLACEHOLDER = "@"
_PUBLIC_KEY = 1
_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


def association(order_id: str, position: int, selector: int, matching_type: int) -> str:
    """Return the placeholder for the association data of one certificate of an order's path.

    position: 0 = the server's own, 1 = its issuer, 2 = that one's. The path is whole, sent or not.
    """
    return f"{PLACEHOLDER}{order_id}/{position}/{selector}/{matching_type}"


def find_associations(internet: Internet, paths: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """Return the data, in hexadecimal, that each placeholder in the TLSA answers stands for (RFC 6698 s2.1).

    paths: order id to the DER of each certificate from the server's own to its root. Raises KeyError for an
    order that is missing, IndexError for a path that is too short.
    """
    placeholders = {
        data.rpartition(" ")[2]
        for (_, kind), answer in internet.answers.items()
        if kind == "TLSA"
        for _, _, data in answer.records
        if PLACEHOLDER in data
    }
    return {placeholder: _data(placeholder, paths) for placeholder in placeholders}


def resolve(text: str, associations: Mapping[str, str]) -> str:
    """Return the data that a placeholder stands for; any other text as it is. Raises KeyError."""
    return associations[text] if text.startswith(PLACEHOLDER) else text


def fill_associations(internet: Internet, associations: Mapping[str, str]) -> None:
    """Put data in place of the placeholders in the TLSA answers. Raises KeyError."""
    for question, answer in internet.answers.items():
        if question[1] == "TLSA" and any(PLACEHOLDER in data for _, _, data in answer.records):
            internet.answers[question] = _filled(answer, associations)


def _data(placeholder: str, paths: Mapping[str, Sequence[bytes]]) -> str:
    order_id, position, selector, matching_type = placeholder.removeprefix(PLACEHOLDER).rsplit("/", 3)
    selected = paths[order_id][int(position)]
    if int(selector) == _PUBLIC_KEY:
        key = x509.load_der_x509_certificate(selected).public_key()
        selected = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = _DIGESTS.get(int(matching_type))
    return (digest(selected).digest() if digest else selected).hex()


def _filled(answer: DnsAnswer, associations: Mapping[str, str]) -> DnsAnswer:
    records = []
    for owner, kind, data in answer.records:
        fields, _, last = data.rpartition(" ")
        records.append((owner, kind, f"{fields} {resolve(last, associations)}" if kind == "TLSA" else data))
    return replace(answer, records=tuple(records))
