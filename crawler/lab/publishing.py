"""What a domain publishes besides MX: its MTA-STS record and policy, and its TLSRPT record."""

from collections.abc import Sequence
from random import Random

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS
from crawler.lab.internet import PolicyServer
from crawler.lab.lookups import FAILED_LOOKUPS, Row, denied, found
from crawler.lab.policy_scenarios import POLICY_SCENARIOS, PolicyScenario
from crawler.lab.smtp_scenarios import TLS_SCENARIOS
from crawler.lab.txt_scenarios import (
    STS_RECORD_SCENARIOS,
    TLSRPT_SCENARIOS,
    StsRecordScenario,
    TlsrptScenario,
)
from crawler.lab.world import World
from crawler.lab.zones import INSECURE, Alias, Zone

STS_HOSTING = "sts-hosting.example"
"""Zone of a provider that hosts policies; insecure."""
POLICY_ADDRESSES = 8
_POLICY_NETWORKS = {"accept": "127.200.0", "refuse": "127.200.1", "drop": "127.200.2"}
_UNRECOGNIZED_NAME = {"side": "server", "code": 112, "name": "unrecognized_name"}

NOTHING: Row = {
    "sts_id": None,
    "sts_policy": "not_attempted",
    "sts_policy_syntax": None,
    "sts_mode": None,
    "sts_max_age": None,
    "sts_mx_patterns": None,
}
"""Columns of a domain verdict without a policy."""


def publish_sts(
    world: World, rng: Random, domain: str, zone: Zone, record: str, policy: str, mx_hosts: Sequence[str]
) -> tuple[Row, Row]:
    """Publish what the words say; return the truth of the TXT lookup and of the verdict columns."""
    scenario = STS_RECORD_SCENARIOS[record]
    lookup = _publish_record(world, domain, zone, scenario)
    verdict = NOTHING | {"sts_record": scenario.verdict, "sts_id": scenario.sts_id}
    if scenario.is_fetched:
        verdict |= publish_policy(world, rng, domain, zone, POLICY_SCENARIOS[policy], tuple(mx_hosts))
    return lookup, verdict


def publish_tlsrpt(world: World, domain: str, zone: Zone, word: str) -> tuple[Row, Row]:
    """Publish what the word says; return the truth of the TXT lookup and of the verdict columns."""
    scenario = TLSRPT_SCENARIOS[word]
    verdict: Row = {"tlsrpt": scenario.verdict, "tlsrpt_ruas": None}
    if scenario.ruas is not None:
        verdict["tlsrpt_ruas"] = [rua.replace("%", domain) for rua in scenario.ruas]
    return _publish_tlsrpt_record(world, domain, zone, scenario), verdict


def failed_txt(world: World, domain: str, failure: str) -> tuple[Row, Row, Row]:
    """Publish a zone that fails throughout; return the truth of both TXT lookups and of the verdict."""
    lookup = world.fail(f"_mta-sts.{domain}", "TXT", failure)
    world.fail(f"_smtp._tls.{domain}", "TXT", failure)
    verdict = NOTHING | {"sts_record": "lookup_failed", "tlsrpt": "lookup_failed", "tlsrpt_ruas": None}
    return lookup, lookup, verdict


def _publish_record(world: World, domain: str, zone: Zone, scenario: StsRecordScenario) -> Row:
    owner = f"_mta-sts.{domain}"
    texts = sorted("".join(strings) for strings in scenario.records)
    values = [" ".join(f'"{string}"' for string in strings) for strings in scenario.records]
    if scenario.failure:
        return world.fail(owner, "TXT", scenario.failure, ['"v=STSv1; id=1;"'])
    if not values:
        return zone.denied("TXT", "nxdomain")
    if scenario.is_alias:
        alias = Alias(f"{domain.replace('.', '-')}.{STS_HOSTING}", INSECURE)
        return world.answer_alias(owner, zone, alias, "TXT", values, texts)
    world.answer(owner, "TXT", values, zone)
    return found("TXT", texts, secure=zone.secure)


def _publish_tlsrpt_record(world: World, domain: str, zone: Zone, scenario: TlsrptScenario) -> Row:
    owner = f"_smtp._tls.{domain}"
    if scenario.failure:
        return world.fail(owner, "TXT", scenario.failure)
    if not scenario.texts:
        return zone.denied("TXT", "nxdomain")
    texts = [text.replace("%", domain) for text in scenario.texts]
    world.answer(owner, "TXT", [f'"{text}"' for text in texts], zone)
    return found("TXT", sorted(texts), secure=zone.secure)


def publish_policy(
    world: World, rng: Random, domain: str, zone: Zone, scenario: PolicyScenario, mx_hosts: tuple[str, ...]
) -> Row:
    """Put up a policy host, declare its row, and return the verdict columns it settles."""
    host = f"mta-sts.{domain}"
    body = scenario.text.body(mx_hosts)
    connect = scenario.server.get("connect", "accept")
    address = None
    if scenario.host in ("found", "alias"):
        address = f"{_POLICY_NETWORKS[connect]}.{1 + rng.randrange(POLICY_ADDRESSES)}"
    order_id = None
    if scenario.handshake is not None:
        order_id = world.certify(CERTIFICATE_SCENARIOS[scenario.certificate], host, domain, "ecdsa").order_id
        if scenario.handshake:
            world.reach(order_id)
    row: Row = {"domain": domain, "policy_host": host}
    row |= _publish_policy_host(world, host, zone, scenario, address)
    if address is not None:
        world.internet.policy_servers[host] = PolicyServer(
            host=host, address=address, certificate=order_id, body=body, **scenario.server
        )
    row |= {
        "address": address,
        "stage": scenario.stage,
        "failure": scenario.failure,
        "tls": _handshake(scenario, order_id),
        "http_status": scenario.status,
        "content_type": scenario.content_type,
        "location": scenario.location,
        "body": body if scenario.body_read else None,
    }
    world.truth("sts_policies", row)
    return _policy_verdict(scenario, mx_hosts)


def _policy_verdict(scenario: PolicyScenario, mx_hosts: tuple[str, ...]) -> Row:
    verdict: Row = {"sts_policy": scenario.verdict, "sts_policy_syntax": scenario.syntax}
    if scenario.verdict == "valid":
        text = scenario.text
        own = list(text.patterns(mx_hosts))
        verdict |= {"sts_mode": text.mode, "sts_max_age": text.max_age, "sts_mx_patterns": own}
    return verdict


def _handshake(scenario: PolicyScenario, order_id: str | None) -> Row | None:
    if scenario.handshake is None:
        return None
    if scenario.handshake and order_id:
        return TLS_SCENARIOS["modern"].handshake_truth(order_id, "ecdsa")
    alert = _UNRECOGNIZED_NAME if scenario.failure == "tls_alert" else None
    return {"version": None, "cipher_suite": None, "group": None, "chain": (), "alert": alert}


def _publish_policy_host(
    world: World, host: str, zone: Zone, scenario: PolicyScenario, address: str | None
) -> Row:
    if scenario.host in FAILED_LOOKUPS:
        return {
            "a": world.fail(host, "A", scenario.host, ["192.0.2.1"]),
            "aaaa": world.fail(host, "AAAA", scenario.host, ["2001:db8::1"]),
        }
    if address is None:
        if scenario.host == "nodata":
            world.answer(host, "A", (), zone)
            return {
                "a": denied("A", "nodata", secure=zone.secure),
                "aaaa": zone.denied("AAAA", "nodata"),
            }
        return {"a": zone.denied("A", "nxdomain"), "aaaa": zone.denied("AAAA", "nxdomain")}
    if scenario.host == "found":
        world.answer(host, "A", [address], zone)
        return {
            "a": found("A", [address], secure=zone.secure),
            "aaaa": zone.denied("AAAA", "nodata"),
        }
    alias = Alias(f"policies.{STS_HOSTING}", INSECURE)
    return {
        "a": world.answer_alias(host, zone, alias, "A", [address]),
        "aaaa": world.answer_alias(host, zone, alias, "AAAA", ()),
    }
