"""A run that did not ask everybody, or not at once: samples, second attempts, opt-outs, limits."""

from typing import Any

from tests.analysis.small_run import SmallRun

PACED = {
    # figure, stratum, unit as far as it tells rows apart: numerator, denominator, unknown;
    # inferred of the denominator, and at most so many of those another answer, if any
    # Six names of big.test stand on a sample of four, which leaves 3/4 of a name each: 4.5 in all. Two of
    # plain.test stand on a sample of ten: 0.6.
    ("inferred_share", "all", "address"): (8, 33, 0, 8, 6),
    ("inferred_share", "all", "(of H)"): (8, 25, 10, 8, 6),
    ("inferred_share", "all", "(of D3)"): (9, 28, 11, 9, 6),
    ("inferred_share", "provider: big.test", "address of the provider"): (6, 10, 0, 6, 5),
    ("inferred_share", "provider: plain.test", "address of the provider"): (2, 12, 0, 2, 1),
    ("inferred_share", "provider: big.test", "asked or inferred"): (4, 10, 0),
    ("inferred_share", "provider: plain.test", "asked or inferred"): (10, 12, 0),
    ("inferred_share", "provider: big.test", "largest bound"): (3, 4, 0),
    ("inferred_share", "provider: plain.test", "largest bound"): (3, 10, 0),
    # Yes: ten of big.test, mx1.odd, turn. No: twelve of plain.test, back.
    ("starttls_by_host", "TLS handshake completed", ""): (12, 25, 10, 8, 6),
    ("starttls_by_host", "STARTTLS offered", ""): (13, 26, 9, 8, 6),
    # Yes: ten of big.test, odd1, turn, spare, mixed. No: twelve of plain.test, back, worst.
    ("starttls_by_domain", "all", ""): (14, 28, 11, 9, 6),
    ("starttls_by_domain_rule", "every reachable primary MX host", ""): (13, 26, 13, 9, 6),
    ("starttls_weighted", "equal", ""): (14, 28, 11, 9, 6),
    ("tls_versions", "TLSv1.3", "TLS"): (12, 12, 10, 6, 5),
    ("tls_versions", "TLSv1.3", "(of D3)"): (14, 28, 11, 9, 6),
    ("cipher_suites", "TLS_AES_256_GCM_SHA384", ""): (12, 12, 10, 6, 5),
    ("post_quantum", "hybrid group with ML-KEM", "TLS"): (12, 12, 10, 6, 5),
    ("certificate_failures", "reason: name_mismatch", ""): (6, 12, 10, 6, 5),
    ("certificate_ladder", "+ name of the MX host", "TLS"): (6, 12, 10, 6, 5),
    ("certificate_ladder", "+ name of the MX host", "(of D3)"): (7, 28, 11, 9, 6),
    ("certificate_keys", "ec 256", ""): (10, 10, 0, 6, 5),
    ("requiretls", "REQUIRETLS", ""): (0, 25, 10, 8, 6),
    # mx1.big, turn and back are known now; again, limit and away are not.
    ("second_attempt", "resolved", ""): (3, 6, 0),
    ("second_attempt", "after attempt 2: tls_ok", ""): (2, 6, 0),
    ("second_attempt", "after attempt 2: no_starttls", ""): (1, 6, 0),
    ("second_attempt", "after attempt 2: refused_greeting", ""): (1, 6, 0),
    ("second_attempt", "after attempt 2: starttls_refused", ""): (1, 6, 0),
    ("second_attempt", "after attempt 2: not asked, backed_off", ""): (1, 6, 0),
    ("second_attempt", "first failure: connect, timeout", ""): (1, 1, 0),
    ("second_attempt", "first failure: greeting, service_closing", ""): (1, 1, 0),
    ("second_attempt", "first failure: greeting, temporary_reply", ""): (0, 1, 0),
    ("second_attempt", "first failure: starttls, permanent_reply", ""): (0, 1, 0),
    ("second_attempt", "first failure: not_attempted, backed_off", ""): (1, 2, 0),
    ("second_attempt", "TLS handshake completed, attempt 1 alone", ""): (10, 22, 13, 8, 6),
    ("second_attempt", "TLS handshake completed, as judged", ""): (12, 25, 10, 8, 6),
    ("second_attempt", "headline, attempt 1 alone", ""): (12, 25, 14, 9, 6),
    ("second_attempt", "headline, as judged", ""): (14, 28, 11, 9, 6),
    ("second_attempt", "determined only by attempt 2", "MX host"): (3, 35, 0, 8, 6),
    ("second_attempt", "determined only by attempt 2", "(D2)"): (3, 39, 0, 9, 6),
    ("pushed_back", "first attempt", ""): (2, 20, 0),
    ("pushed_back", "last attempt", ""): (2, 20, 0),
    ("pushed_back", "provider: turn.test, first attempt", ""): (1, 1, 0),
    ("pushed_back", "provider: turn.test, last attempt", ""): (0, 1, 0),
    ("pushed_back", "provider: again.test, first attempt", ""): (0, 1, 0),
    ("pushed_back", "provider: again.test, last attempt", ""): (1, 1, 0),
    ("pushed_back", "provider: limit.test, last attempt", ""): (1, 1, 0),
    ("pushed_back", "all other providers, last attempt", ""): (0, 17, 0),
    ("nonresponse", "any class", "(D2)"): (11, 39, 0, 9, 6),
    ("nonresponse", "class: not asked, opted_out", "(D2)"): (3, 39, 0, 9, 6),
    ("nonresponse", "class: not asked, over_limit", "(D2)"): (1, 39, 0, 9, 6),
    ("nonresponse", "class: not asked, session_cap", "(D2)"): (1, 39, 0, 9, 6),
    ("nonresponse", "class: not asked, backed_off", "(D2)"): (1, 39, 0, 9, 6),
    ("nonresponse", "class: not asked, sampled", "(D2)"): (1, 39, 0, 9, 6),
    ("nonresponse", "class: not asked, special_purpose_address", "(D2)"): (1, 39, 0, 9, 6),
    ("nonresponse", "class: refused_greeting", "(D2)"): (2, 39, 0, 9, 6),
    ("nonresponse", "class: starttls_refused", "(D2)"): (1, 39, 0, 9, 6),
    ("nonresponse", "any class", "address"): (8, 33, 0, 8, 6),
    ("nonresponse", "class: not asked, opted_out", "address"): (1, 33, 0, 8, 6),
    ("nonresponse", "class: refused_greeting, temporary_reply", "address"): (1, 33, 0, 8, 6),
    ("nonresponse", "hour: 14 UTC", ""): (3, 20, 0),
    ("populations", "D1 resolvable", ""): (39, 40, 0),
    ("populations", "not in D1: not asked, opted_out", ""): (1, 40, 0),
    ("populations", "D3 reachable", ""): (30, 39, 0, 9, 6),
    ("populations", "not in D3: no answer, no 220 greeting", ""): (2, 39, 0, 9, 6),
    ("populations", "not in D3: not asked, opted_out", ""): (2, 39, 0, 9, 6),
    ("populations", "not in D3: not asked, over_limit", ""): (1, 39, 0, 9, 6),
    ("populations", "not in D3: not asked, session_cap", ""): (1, 39, 0, 9, 6),
    ("populations", "D3 determined", ""): (28, 30, 0, 9, 6),
    ("populations", "not determined: not asked, opted_out", "(D3)"): (1, 30, 0, 9, 6),
    ("populations", "not determined: no answer, starttls_refused", "(D3)"): (1, 30, 0, 9, 6),
    ("populations", "H reached", ""): (26, 35, 0, 8, 6),
    ("populations", "not in H: not asked, opted_out", ""): (2, 35, 0, 8, 6),
    ("populations", "not in H: not asked, over_limit", ""): (1, 35, 0, 8, 6),
    ("populations", "H determined", ""): (25, 26, 0, 8, 6),
    ("populations", "I reached", ""): (26, 33, 0, 8, 6),
    ("populations", "not in I: not asked, sampled", ""): (1, 33, 0, 8, 6),
    ("populations", "not in I: no answer, no 220 greeting", ""): (2, 33, 0, 8, 6),
    # silent.test was not asked for any record, so it may have each of them
    ("mta_sts_record", "valid record", "(D0)"): (0, 39, 1),
    ("mta_sts_record", "valid record", "(D2)"): (0, 39, 0),
    ("tlsrpt", "valid record", "(D0)"): (0, 39, 1),
    ("dnssec_mx", "not_attempted", "(D0)"): (1, 40, 0),
}


def paced_run() -> SmallRun:
    """Return the rows that PACED counts."""
    run = SmallRun()
    _sampled(run)
    _asked_twice(run)
    _not_asked(run)
    return run


def _sampled(run: SmallRun) -> None:
    """Ten names of big.test, four of them asked; twelve of plain.test, ten asked; three that disagree."""
    shared = run.certificate("shared")
    for number in range(1, 11):
        host = f"mx{number}.big.test"
        run.host(host, "192.0.2.10")
        run.domain(f"big{number}.test", f"10 {host}")
        if number == 1:
            run.session(host, "192.0.2.10", "unreachable", last=False)
        if number <= 4:
            run.session(host, "192.0.2.10", chain=(shared,))
        else:
            run.inferred(host, "192.0.2.10", "mx1.big.test", 4, reason="name_mismatch")
    for number in range(1, 13):
        host = f"mx{number}.plain.test"
        run.host(host, "192.0.2.11")
        run.domain(f"plain{number}.test", f"10 {host}")
        if number <= 10:
            run.session(host, "192.0.2.11", "no_starttls")
        else:
            run.inferred(host, "192.0.2.11", "mx1.plain.test", 10)
    for number, failure in enumerate(["", "permanent_reply", "sampled"], start=1):
        host = f"mx{number}.odd.test"
        run.host(host, "192.0.2.12")
        run.domain(f"odd{number}.test", f"10 {host}")
        outcome = {"": "tls_ok", "sampled": "not_attempted"}.get(failure, "refused_greeting")
        run.session(host, "192.0.2.12", outcome, failure or None)


def _asked_twice(run: SmallRun) -> None:
    """One that turns, one that fails again, one sent away at STARTTLS for good, two that were backed off."""
    for host, address in {
        "mx.turn.test": "192.0.2.20",
        "mx.again.test": "192.0.2.21",
        "mx.limit.test": "192.0.2.22",
        "mx.back.test": "192.0.2.23",
        "mx.away.test": "192.0.2.24",
    }.items():
        run.host(host, address)
        run.domain(host.removeprefix("mx."), f"10 {host}")
    run.session(
        "mx.turn.test", "192.0.2.20", "refused_greeting", "service_closing", pushed_back=True, last=False
    )
    run.session("mx.turn.test", "192.0.2.20")
    run.session("mx.again.test", "192.0.2.21", "refused_greeting", "temporary_reply", last=False)
    run.session("mx.again.test", "192.0.2.21", "refused_greeting", "temporary_reply", pushed_back=True)
    run.session("mx.limit.test", "192.0.2.22", "starttls_refused", pushed_back=True, last=False)
    run.session("mx.limit.test", "192.0.2.22", "starttls_refused", pushed_back=True)
    run.session("mx.back.test", "192.0.2.23", "not_attempted", "backed_off", last=False)
    run.session("mx.back.test", "192.0.2.23", "no_starttls")
    run.session("mx.away.test", "192.0.2.24", "not_attempted", "backed_off", last=False)
    run.session("mx.away.test", "192.0.2.24", "not_attempted", "backed_off")


def _not_asked(run: SmallRun) -> None:
    """Opted out as a domain, a host, a network; beyond the hosts of one domain; capped; special purpose."""
    unasked: dict[str, Any] = {"dnssec": "not_attempted", "sts": "not_attempted", "tlsrpt": "not_attempted"}
    run.domain("silent.test", status="opted_out", **unasked)
    run.host("mx.hidden.test", status="opted_out")
    run.domain("hidden.test", "10 mx.hidden.test")
    run.host("mx.beyond.test", status="over_limit")
    run.domain("beyond.test", "10 mx.beyond.test")
    for name, address, failure in (
        ("out", "192.0.2.30", "opted_out"),
        ("capped", "192.0.2.31", "session_cap"),
        ("private", "10.0.0.1", "special_purpose_address"),
    ):
        run.host(f"mx.{name}.test", address)
        run.domain(f"{name}.test", f"10 mx.{name}.test")
        run.session(f"mx.{name}.test", address, "not_attempted", failure)
    run.domain("both.test", "10 mx2.big.test", "10 mx.hidden.test")
    run.domain("spare.test", "10 mx2.big.test", "20 mx.beyond.test")
    run.domain("mixed.test", "10 mx5.big.test", "10 mx.private.test")
    run.domain("worst.test", "10 mx1.plain.test", "10 mx.hidden.test")
