from collections import Counter
from ipaddress import ip_address
from random import Random
from typing import Any

import pytest

from crawler import outcomes
from crawler.lab.internet import DnsAnswer, Internet
from crawler.lab.mail_scenarios import MAIL_SCENARIOS
from crawler.lab.population import ListedName, populate
from crawler.lab.profile import PROFILES, Profile, load_profile, profile_from
from crawler.lab.reservations import reservations, reserve
from crawler.lab.session_scenario import FAILURES_FOR_NOW
from crawler.lab.smtp_scenarios import PASSING_SCENARIOS, SMTP_SCENARIOS
from crawler.lab.txt_scenarios import STS_RECORD_SCENARIOS, TLSRPT_SCENARIOS

Row = dict[str, Any]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(PROFILES / "dotgov.toml")


@pytest.fixture(scope="module")
def internet(profile: Profile) -> Internet:
    return populate(names(1200), profile, 1, ipv6=True)


def names(count: int) -> list[ListedName]:
    return [ListedName(f"town{n}.gov", signed=n % 4 == 0) for n in range(count)]


def alone(domain: str = "town.gov", *, signed: bool = False, **values: Any) -> Internet:
    """Populate with one domain and a profile of these values."""
    return populate([ListedName(domain, signed)], profile_from(values), 1, ipv6=False)


def by_host(internet: Internet, table: str) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in internet.truth[table]:
        rows.setdefault(row["mx_host"], []).append(row)
    return rows


def declared_sessions(internet: Internet) -> list[Row]:
    """Return the sessions of which something is declared."""
    return [row for row in internet.truth["sessions"] if row["attempt"] is not None]


def closest_denial(internet: Internet, owner: str, kind: str) -> tuple[str, str]:
    """Answer a question that has no answer, by the rules that the model states."""
    below = f".{owner}"
    exists = any(name == owner or name.endswith(below) for name, _ in internet.answers)
    labels = owner.split(".")
    secure = any(".".join(labels[n:]) in internet.secure_zones for n in range(len(labels)))
    return ("nodata" if exists else "nxdomain"), ("secure" if secure else "insecure")


def read_answer(answer: DnsAnswer, kind: str) -> tuple[str, str]:
    if answer.silent:
        return "timeout", "indeterminate"
    if answer.bogus:
        return "servfail", "bogus"
    if answer.rcode in ("SERVFAIL", "REFUSED"):
        return answer.rcode.lower(), "indeterminate"
    found = any(record[1] == kind for record in answer.records)
    status = "nxdomain" if answer.rcode == "NXDOMAIN" else "noerror" if found else "nodata"
    return status, "secure" if answer.secure else "insecure"


def test_the_same_seed_gives_the_same_internet_and_another_seed_another(profile: Profile) -> None:
    one, same, other = (populate(names(400), profile, seed, ipv6=True) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_every_listed_name_is_declared_once_in_list_order(internet: Internet) -> None:
    listed = [name.domain for name in names(1200)]
    for table in ("domains", "domain_verdicts"):
        assert [row["domain"] for row in internet.truth[table]] == listed
    assert [row["position"] for row in internet.truth["domains"]] == list(range(1, 1201))


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("mx_hosts", ("mx_host",)),
        ("sessions", ("mx_host", "address", "attempt")),
        ("session_verdicts", ("mx_host", "address")),
        ("sts_policies", ("domain",)),
        ("certificates", ("sha256",)),
    ],
)
def test_no_row_is_declared_twice(internet: Internet, table: str, keys: tuple[str, ...]) -> None:
    found = Counter(tuple(row[key] for key in keys) for row in internet.truth[table])
    assert found
    assert max(found.values()) == 1


def test_every_usable_exchange_and_every_domain_without_mx_is_an_mx_host_and_no_other(
    internet: Internet,
) -> None:
    expected = set()
    for row in internet.truth["domains"]:
        if row["mx_kind"] == "no_mx":
            expected.add(row["domain"])
        if row["mx_kind"] != "null_mx":
            expected |= {r["exchange"] for r in row["mx"]["records"] if r["unusable"] is None}
    assert set(by_host(internet, "mx_hosts")) == expected


def test_every_address_of_every_mx_host_has_a_session_and_a_mail_server(internet: Internet) -> None:
    sessions = by_host(internet, "sessions")
    for row in internet.truth["mx_hosts"]:
        addresses = row["a"]["addresses"] + row["aaaa"]["addresses"]
        begun = {None, 1}
        found = [s["address"] for s in sessions.get(row["mx_host"], []) if s["attempt"] in begun]
        assert sorted(found) == sorted(addresses)
        assert set(addresses) <= set(internet.mail_servers)


def test_every_lookup_declared_is_what_the_model_answers(internet: Internet) -> None:
    lookups = []
    for row in internet.truth["domains"]:
        domain = row["domain"]
        lookups.append((domain, "MX", row["mx"]))
        lookups.append((f"_mta-sts.{domain}", "TXT", row["sts_txt"]))
        lookups.append((f"_smtp._tls.{domain}", "TXT", row["tlsrpt_txt"]))
    for table, host in (("mx_hosts", "mx_host"), ("sts_policies", "policy_host")):
        for row in internet.truth[table]:
            lookups += [(row[host], "A", row["a"]), (row[host], "AAAA", row["aaaa"])]
    lookups += [(f"_25._tcp.{row['mx_host']}", "TLSA", row["tlsa"]) for row in internet.truth["sessions"]]
    checked = Counter[str]()
    for owner, kind, row in lookups:
        if row is None:
            continue
        answer = internet.answers.get((owner, kind))
        if answer is None:
            if checked["implied"] > 300:  # each walks through all answers
                continue
            checked["implied"] += 1
        expected = read_answer(answer, kind) if answer else closest_denial(internet, owner, kind)
        assert (row["status"], row["dnssec_status"]) == expected, (owner, kind)
        chain = (
            [data.removesuffix(".") for _, type_, data in answer.records if type_ == "CNAME"]
            if answer
            else []
        )
        assert [step["target"] for step in row["cname_chain"]] == chain
        for alias, step in zip((owner, *chain), row["cname_chain"], strict=False):
            alone = internet.answers[alias, "CNAME"]
            assert alone.records == ((alias, "CNAME", f"{step['target']}."),)
            assert step["dnssec_status"] == read_answer(alone, "CNAME")[1]
        checked[kind] += 1
    assert set(checked) == {"MX", "TXT", "A", "AAAA", "TLSA", "implied"}


def test_aliases_of_hosts_lead_across_the_security_boundary_both_ways(internet: Internet) -> None:
    found = {
        (step["dnssec_status"], row["a"]["dnssec_status"])
        for row in internet.truth["mx_hosts"]
        for step in row["a"]["cname_chain"]
    }
    assert found >= {("secure", "insecure"), ("insecure", "insecure")}
    targets = {step["target"] for row in internet.truth["mx_hosts"] for step in row["a"]["cname_chain"]}
    assert any(target.endswith(".anchored.example") for target in targets)
    assert any(target.endswith(".parked.example") for target in targets)


def test_every_scenario_comes_at_least_once(internet: Internet) -> None:
    truth = internet.truth
    sessions = declared_sessions(internet)
    failures = {(row["stage"], row["failure"]) for row in sessions}
    assert failures == {(s.stage, s.failure) for s in SMTP_SCENARIOS.values()}
    verdicts = truth["domain_verdicts"]
    assert {row["sts_record"] for row in verdicts} >= {s.verdict for s in STS_RECORD_SCENARIOS.values()}
    assert {row["tlsrpt"] for row in verdicts} >= {s.verdict for s in TLSRPT_SCENARIOS.values()}
    assert {row["mx_kind"] for row in truth["domains"]} == {s.mx_kind for s in MAIL_SCENARIOS.values()}
    unusable = {r["unusable"] for row in truth["domains"] for r in row["mx"]["records"]}
    assert unusable == {None, "root", "ip_literal", "localhost", "single_label", "not_a_hostname"}
    versions = {(row["tls"]["version"], row["tls"]["group"]) for row in sessions if row["tls"]}
    assert len(versions) == 7


@pytest.mark.parametrize(
    ("table", "column", "vocabulary"),
    [
        ("domains", "mx_kind", outcomes.MxKind),
        ("session_verdicts", "outcome", outcomes.Outcome),
        ("session_verdicts", "dane", outcomes.DaneStatus),
        ("session_verdicts", "dane_reason", outcomes.DaneReason),
        ("domain_verdicts", "dane", outcomes.DaneDomain),
        ("domain_verdicts", "dane_action", outcomes.SenderAction),
        ("domain_verdicts", "sts_action", outcomes.SenderAction),
        ("domain_verdicts", "authenticated_by", outcomes.AuthenticatedBy),
        ("sessions", "stage", outcomes.SessionStage),
        ("sts_policies", "stage", outcomes.FetchStage),
        ("domain_verdicts", "sts_record", outcomes.StsRecordVerdict),
        ("domain_verdicts", "sts_policy", outcomes.StsPolicyVerdict),
        ("domain_verdicts", "sts_policy_syntax", outcomes.StsPolicySyntax),
        ("domain_verdicts", "sts_mode", outcomes.StsMode),
        ("domain_verdicts", "tlsrpt", outcomes.TlsrptVerdict),
    ],
)
def test_every_word_of_a_vocabulary_is_declared_and_no_other(
    internet: Internet, table: str, column: str, vocabulary: type[outcomes.Vocabulary]
) -> None:
    rows = declared_sessions(internet) if table == "sessions" else internet.truth[table]
    declared = {row.get(column) for row in rows} - {None}
    # The operator's will is no part of the world, and its resolver can be believed.
    words = {word.value for word in vocabulary} - {"opted_out", "withheld"}
    if table.startswith("session"):
        words.discard("not_attempted")  # every address of the lab may be contacted
    assert declared == words


def test_a_short_list_has_no_reserved_names(profile: Profile) -> None:
    plans = len(reservations(profile))
    assert reserve([False] * (2 * plans - 1), profile, Random(1)) == {}
    unsigned = reserve([False] * (2 * plans), profile, Random(1))
    assert 0 < len(unsigned) < plans  # nothing that needs a signed zone
    mixed = reserve([True, False] * (2 * plans), profile, Random(1))
    assert len(mixed) == plans
    assert all(plan.needs_signed in (None, n % 2 == 0) for n, plan in mixed.items())


def test_a_list_without_dnssec_knowledge_is_signed_by_the_rate() -> None:
    unknown = [ListedName(f"town{n}.gov") for n in range(200)]
    everyone = populate(unknown, profile_from({"signed": 1}), 1, ipv6=False)
    nobody = populate(unknown, profile_from({"signed": 0}), 1, ipv6=False)
    assert {row["mx"]["dnssec_status"] for row in everyone.truth["domains"]} == {"secure"}
    assert not nobody.secure_zones


def test_a_name_listed_twice_is_refused(profile: Profile) -> None:
    with pytest.raises(ValueError, match="listed twice"):
        populate([ListedName("a.gov", None), ListedName("a.gov", None)], profile, 1, ipv6=False)


def test_a_domain_below_a_signed_domain_is_denied_securely_though_it_is_not_signed() -> None:
    both = [ListedName("town.gov", True), ListedName("fire.town.gov", False)]
    rows = populate(both, profile_from({}), 1, ipv6=False).truth["domains"]
    assert [row["mx"]["dnssec_status"] for row in rows] == ["secure", "insecure"]
    assert [row["sts_txt"]["dnssec_status"] for row in rows] == ["secure", "secure"]


def test_host_names_below_a_domain_avoid_listed_names() -> None:
    both = [ListedName("town.gov", False), ListedName("mail.town.gov", False)]
    hosts = populate(both, profile_from({}), 1, ipv6=False).truth["mx_hosts"]
    assert [row["mx_host"] for row in hosts] == ["mail-in.town.gov", "mail.mail.town.gov"]


def test_without_ipv6_there_is_no_aaaa_and_no_ipv6_server(profile: Profile) -> None:
    internet = populate(names(500), profile, 1, ipv6=False)
    assert not any(kind == "AAAA" and answer.records and answer.records[-1][1] == "AAAA" and not answer.bogus
                   for (_, kind), answer in internet.answers.items())  # fmt: skip
    assert all(ip_address(address).version == 4 for address in internet.mail_servers)


def test_every_address_is_loopback_and_mail_and_policy_addresses_are_apart(internet: Internet) -> None:
    mail = set(internet.mail_servers)
    policy = {server.address for server in internet.policy_servers.values()}
    assert all(ip_address(address).is_loopback for address in mail | policy)
    assert "::1" in mail
    assert not mail & policy
    connects: dict[str, set[str]] = {}
    for server in internet.policy_servers.values():
        connects.setdefault(server.address, set()).add(server.connect)
    assert all(len(words) == 1 for words in connects.values())


def test_every_name_that_reaches_tls_finds_its_certificate_by_server_name(internet: Internet) -> None:
    for row in declared_sessions(internet):
        if row["tls"] and row["tls"]["version"]:
            server = internet.mail_servers[row["address"]]
            order_id = server.certificates.get(row["mx_host"], server.default_certificate)
            assert (order_id,) == row["tls"]["chain"]
            assert order_id in internet.certificates


def test_slow_servers_have_few_host_names_each(internet: Internet) -> None:
    slow = {
        address
        for address, server in internet.mail_servers.items()
        if server.connect == "drop"
        or server.greeting_delay_seconds
        or "silent" in (server.greeting, server.hello)
    }
    hosts = {(row["mx_host"], row["address"]) for row in internet.truth["sessions"]}
    uses = Counter(address for _, address in hosts if address in slow)
    assert max(uses.values()) == 1


def test_behaviours_share_addresses_beyond_the_limit() -> None:
    profile = profile_from({"addresses_per_behaviour": 3})
    internet = populate(names(50), profile, 1, ipv6=False)
    assert len(internet.mail_servers) == 3
    assert len(internet.truth["sessions"]) == 50


def test_customers_have_host_names_of_their_own_in_the_providers_zone() -> None:
    provider: Row = {
        "domain": "bigmail.test",
        "share": 1,
        "labels": ["mail"],
        "preferences": [0],
        "per_customer": True,
        "addresses": 2,
    }
    listed = [ListedName(name, True) for name in ("a-b.gov", "a.b.gov", f"{'x' * 59}.gov")]
    internet = populate(listed, profile_from({"providers": [provider]}), 1, ipv6=False)
    hosts = [row["mx_host"] for row in internet.truth["mx_hosts"]]
    assert hosts[0] == "a-b-gov.mail.bigmail.test"
    assert len(set(hosts)) == 3
    assert all(len(host.split(".")[0]) <= 63 and host.endswith(".mail.bigmail.test") for host in hosts)
    assert {row["a"]["dnssec_status"] for row in internet.truth["mx_hosts"]} == {"insecure"}
    assert all(row["name_mx_ok"] for row in internet.truth["session_verdicts"])
    assert len(internet.certificates) == 1
    assert len(internet.mail_servers) == 2


def customers(**provider: Any) -> Internet:
    values: Row = {"domain": "bigmail.test", "share": 1, "labels": ["mx"], "preferences": [0]}
    values |= {"per_customer": True} | provider
    return populate(names(200), profile_from({"providers": [values]}), 1, ipv6=False)


def test_odd_customers_have_another_certificate_at_the_same_address_and_are_named() -> None:
    internet = customers(odd=0.1, addresses=2)
    verdicts = internet.truth["session_verdicts"]
    odd = [(row["mx_host"], row["address"]) for row in verdicts if row["reason"] == "expired"]
    assert 5 < len(odd) < 50
    assert internet.odd_hosts == odd
    assert {row["pkix_ok"] for row in verdicts} == {True, False}
    assert len(internet.mail_servers) == 2
    for host, address in odd:
        assert internet.mail_servers[address].certificates == {
            other: "odd.bigmail.test" for other, at in odd if at == address
        }, host
    assert customers().odd_hosts == []


def test_every_provider_with_odd_customers_has_one_in_a_long_list(internet: Internet) -> None:
    assert any(host.endswith(".bigmail.test") for host, _ in internet.odd_hosts)


def test_what_hangs_on_timing_is_declared_in_the_verdict_alone() -> None:
    internet = customers(session="pushes_back")
    assert {row["attempt"] for row in internet.truth["sessions"]} == {None}
    assert {row["outcome"] for row in internet.truth["session_verdicts"]} == {"tls_ok"}
    assert not any("attempt" in row for row in internet.truth["session_verdicts"])


@pytest.mark.parametrize(
    ("word", "attempts", "outcomes"),
    [
        ("good", [1], {"tls_ok"}),
        ("greeting_421", [1, 2], {"refused_greeting"}),
        ("greeting_554", [1], {"refused_greeting"}),
        ("greeting_blocklist", [1, 2], {"refused_greeting"}),
        ("connect_refused", [1], {"unreachable"}),
        ("connect_dropped", [1, 2], {"unreachable"}),
        ("handshake_alert", [1], {"tls_failed"}),
        ("stalls_behind_first_flight", [1, 2], {"tls_failed"}),
        ("hello_tls_closed", [1], {"tls_ok"}),
    ],
)
def test_what_fails_for_now_is_found_twice(word: str, attempts: list[int], outcomes: set[str]) -> None:
    internet = alone(rates={"sessions": {word: 1}})
    first, *more = internet.truth["sessions"]
    assert [row["attempt"] for row in (first, *more)] == attempts
    assert all(row == first | {"attempt": 2} for row in more)
    (verdict,) = internet.truth["session_verdicts"]
    assert (verdict["attempt"], {verdict["outcome"]}) == (len(attempts), outcomes)


@pytest.mark.parametrize("word", PASSING_SCENARIOS)
def test_what_passes_fails_once_and_is_well_then_for_one_host_at_its_address(word: str) -> None:
    internet = populate(names(30), profile_from({"rates": {"sessions": {word: 1}}}), 1, ipv6=False)
    sessions = internet.truth["sessions"]
    assert len(internet.mail_servers) == 30
    for first, second in zip(sessions[::2], sessions[1::2], strict=True):
        assert (first["attempt"], second["attempt"]) == (1, 2)
        assert first["failure"] in FAILURES_FOR_NOW
        assert (second["stage"], second["failure"]) == ("hello_tls", None)
    assert {(row["attempt"], row["outcome"]) for row in internet.truth["session_verdicts"]} == {(2, "tls_ok")}


def test_hostile_servers_come_by_a_rate_of_their_own() -> None:
    internet = populate(names(400), profile_from({"hostile": 0.5}), 1, ipv6=False)
    scripted = [server for server in internet.mail_servers.values() if server.script]
    assert len({server.script for server in scripted}) > 60
    assert len(internet.mail_servers) - len(scripted) > 100


def test_a_network_belongs_to_one_provider_or_one_behaviour() -> None:
    shared: Row = {"share": 0.4, "labels": ["mx"], "preferences": [0], "addresses": 3}
    providers = [{"domain": domain} | shared for domain in ("a.test", "b.test")]
    internet = populate(names(60), profile_from({"providers": providers}), 1, ipv6=False)
    networks: dict[str, set[str]] = {}
    for server in internet.mail_servers.values():
        networks.setdefault(server.address.rpartition(".")[0], set()).add(server.server_name)
    assert all(len(owners) == 1 for owners in networks.values())
    assert len(networks) == len(internet.mail_servers) - 2 * 2


def test_an_unused_provider_leaves_no_trace() -> None:
    provider = {"domain": "bigmail.test", "share": 0, "labels": ["mx"], "preferences": [0], "signed": True}
    assert not alone(providers=[provider]).secure_zones


@pytest.mark.parametrize("share", [0, 1])
def test_a_wildcard_spans_one_label_wherever_the_host_is(share: int) -> None:
    internet = alone(small_hosters={"share": share}, rates={"certificates": {"wildcard_two_labels": 1}})
    for row in internet.truth["session_verdicts"]:
        (name,) = internet.certificates[row["mx_host"]].dns_names
        assert row["mx_host"].count(".") == name.count(".") + 1
        assert not row["name_mx_ok"]


@pytest.mark.parametrize("word", ["self_signed", "wildcard", "wildcard_partial", "cn_only", "wrong_name"])
def test_an_implicit_mx_host_is_the_domain_itself(word: str) -> None:
    internet = alone(rates={"mail": {"implicit_mx": 1}, "certificates": {word: 1}})
    (host,), (verdict,) = internet.truth["mx_hosts"], internet.truth["domain_verdicts"]
    assert host["mx_host"] == "town.gov"
    assert internet.truth["domains"][0]["mx"]["status"] == "nodata"
    assert verdict["name_domain_ok"] is internet.truth["session_verdicts"][0]["name_mx_ok"]


def test_only_the_lowest_preference_counts_for_the_domain() -> None:
    internet = alone(rates={"mail": {"dead_primary": 1}})
    assert [row["outcome"] for row in internet.truth["session_verdicts"]] == ["unreachable", "tls_ok"]
    assert internet.truth["domain_verdicts"][0]["primary_pkix_ok"] is None


def test_an_unusable_primary_leaves_nothing_to_say_about_the_domain() -> None:
    internet = alone(rates={"mail": {"unusable_primary": 1}})
    assert internet.truth["domain_verdicts"][0]["name_domain_ok"] is None
    beside = alone(rates={"mail": {"unusable_beside_usable": 1}})
    assert len(beside.truth["sessions"]) == 1


def test_a_domain_that_does_not_exist_is_asked_nothing_else() -> None:
    internet = alone(rates={"mail": {"nxdomain": 1}, "sts_records": {"valid": 1}})
    (row,) = internet.truth["domains"]
    assert (row["mx_kind"], row["sts_txt"], row["tlsrpt_txt"]) == ("no_domain", None, None)
    assert not internet.truth["sts_policies"]


def test_bogus_answers_come_only_from_signed_zones() -> None:
    rates = {"mail": {"bogus": 1}, "sts_records": {"bogus": 1}, "tlsrpt": {"bogus": 1}, "tlsa": {"bogus": 1}}
    unsigned, signed = alone(rates=rates), alone(signed=True, rates=rates)
    assert not any(answer.bogus for answer in unsigned.answers.values())
    assert signed.truth["domains"][0]["mx"]["dnssec_status"] == "bogus"
    assert signed.truth["domains"][0]["mx"]["extended_error"] == 6


def test_a_certificate_without_an_issuer_has_records_for_itself() -> None:
    rates = {"tlsa": {"ta": 1}, "certificates": {"self_signed": 1}}
    (session,) = alone(signed=True, rates=rates).truth["sessions"]
    assert [record["usage"] for record in session["tlsa"]["records"]] == [3]
