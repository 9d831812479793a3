"""TLSA association data, which exist only once certificates are issued."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crawler.lab.internet import DnsAnswer, Internet

PLACEHOLDER = "@"


def association(order_id: str, position: int) -> str:
    """Return the placeholder for the SHA-256 of one certificate of an order's chain, 0 = the server's own."""
    return f"{PLACEHOLDER}{order_id}/{position}"


def resolve(text: str, chains: Mapping[str, Sequence[str]]) -> str:
    """Return the digest that a placeholder stands for; any other text as it is."""
    if not text.startswith(PLACEHOLDER):
        return text
    order_id, _, position = text[len(PLACEHOLDER) :].rpartition("/")
    return chains[order_id][int(position)]


def fill_associations(internet: Internet, chains: Mapping[str, Sequence[str]]) -> None:
    """Put digests in place of the placeholders in the TLSA answers.

    chains: order id to the SHA-256 of each certificate as sent, in hexadecimal; a missing one is a KeyError.
    """
    for question, answer in internet.answers.items():
        if question[1] == "TLSA" and any(PLACEHOLDER in data for _, _, data in answer.records):
            internet.answers[question] = _filled(answer, chains)


def _filled(answer: DnsAnswer, chains: Mapping[str, Sequence[str]]) -> DnsAnswer:
    records = []
    for owner, kind, data in answer.records:
        fields, _, last = data.rpartition(" ")
        records.append((owner, kind, f"{fields} {resolve(last, chains)}" if kind == "TLSA" else data))
    return replace(answer, records=tuple(records))
