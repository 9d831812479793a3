"""Twenty-nine domains, each there for one rule of DANE or MTA-STS; and what all of them come to."""

from typing import Any

from tests.analysis.small_dane import Tlsa
from tests.analysis.small_run import SmallRun

_SECURE = "with secure MX records (D2)"
_TRIED = "mail domain with TLSA records that count"
TRUSTED = {
    # figure, stratum, unit as far as it tells rows apart: numerator, denominator, unknown, and never if any
    # Yes: a, b, e. No: c, cc, d, f, i, j, k, m. Not known: g, h, l, o. Never: n.
    ("dane_correct", "DANE correct", "(D2), determined"): (3, 11, 4, 1),
    # No besides: the eleven reachable ones with insecure MX records. Never besides: w and x, which are not.
    ("dane_correct", "DANE correct", "(of D3)"): (3, 22, 4, 3),
    ("dane_correct", "class: full", _SECURE): (4, 16, 0),  # o among them
    ("dane_correct", "class: partial", _SECURE): (1, 16, 0),
    ("dane_correct", "class: unauthenticated", _SECURE): (1, 16, 0),
    ("dane_correct", "class: broken", _SECURE): (7, 16, 0),  # g and l among them
    ("dane_correct", "class: absent", _SECURE): (1, 16, 0),
    ("dane_correct", "class: unknown", _SECURE): (1, 16, 0),
    ("dane_correct", "class: undeliverable", _SECURE): (1, 16, 0),
    ("dane_correct", "sender: deliver", _SECURE): (6, 16, 0),
    ("dane_correct", "sender: fall_back", _SECURE): (1, 16, 0),
    ("dane_correct", "sender: refuse", _SECURE): (4, 16, 0),
    ("dane_correct", "sender: opportunistic", _SECURE): (2, 16, 0),
    ("dane_correct", "sender: unknown", _SECURE): (3, 16, 0),
    # Both records of roll, one of mix. Fit: ee, one of roll, both, mix, end. Not known: wait, mute, skip.
    ("dane_mismatch", "mismatched", "TLSA record that"): (4, 10, 3),
    ("dane_mismatch", "reason: no_match", "TLSA record that"): (2, 10, 3),
    ("dane_mismatch", "no TLS", "TLSA record that"): (1, 10, 3),
    # Fit: ee, roll, mix, end. Not: off, both; late; own; bare without TLS.
    ("dane_mismatch", "mismatched", "TLSA RRset"): (4, 9, 3),
    ("dane_mismatch", "reason: no_match", "TLSA RRset"): (2, 9, 3),
    ("dane_mismatch", "reason: no_path", "TLSA RRset"): (0, 9, 3),
    ("dane_mismatch", "reason: expired", "TLSA RRset"): (1, 9, 3),
    ("dane_mismatch", "reason: name_mismatch", "TLSA RRset"): (1, 9, 3),
    ("dane_mismatch", "no TLS", "TLSA RRset"): (1, 9, 3),
    # Fit: a, b, e (its certificate names it), j, p, t, v, y, z. Not known: g, h, o, w, x, aa.
    ("dane_mismatch", "mismatched", _TRIED): (5, 15, 6),
    ("dane_mismatch", "reason: no_match", _TRIED): (3, 15, 6),
    ("dane_mismatch", "reason: expired", _TRIED): (1, 15, 6),
    ("dane_mismatch", "reason: not_yet_valid", _TRIED): (0, 15, 6),
    ("dane_mismatch", "reason: name_mismatch", _TRIED): (1, 15, 6),
    ("dane_mismatch", "no TLS", _TRIED): (1, 15, 6),
    ("dane_mismatch", "use: counts", ""): (13, 16, 0),
    ("dane_mismatch", "use: passed over for a stronger digest", ""): (1, 16, 0),
    ("dane_mismatch", "use: unusable, pkix_usage", ""): (2, 16, 0),
    # All but k, l, m, n publish TLSA records. Hosted: p, t, v, y, z. Not known: h, w, x, aa.
    ("dane_hosted", "hosted", "(of D2), determined"): (5, 21, 4),
    ("dane_hosted", "none is asked for", "(of D2), determined"): (3, 25, 0),  # r, s, bb
    ("dane_hosted", "class: full", "(of D2)"): (4, 25, 0),
    ("dane_hosted", "class: hosted", "(of D2)"): (5, 25, 0),
    ("dane_hosted", "class: partial", "(of D2)"): (1, 25, 0),
    ("dane_hosted", "class: unauthenticated", "(of D2)"): (1, 25, 0),
    ("dane_hosted", "class: broken", "(of D2)"): (8, 25, 0),
    ("dane_hosted", "class: absent", "(of D2)"): (3, 25, 0),
    ("dane_hosted", "class: unknown", "(of D2)"): (3, 25, 0),
    ("dane_hosted", "class: withheld", "(of D2)"): (0, 25, 0),
    # Insecure: free. Bogus, so not known: bogus. Secure, but behind an insecure address: half.
    ("dane_hosted", "no sender can validate it", "TLSA RRset"): (1, 15, 1),
    ("dane_hosted", "secure, but not asked for", "TLSA RRset"): (1, 15, 1),
    ("dane_hosted", "no sender can validate it", "TLSA record"): (1, 18, 0),
    ("dane_hosted", "secure, but not asked for", "TLSA record"): (1, 18, 0),
    # Fail: bb, d, f, z. Do not: a, c, and s, which is testing. Not known: g, h, y.
    ("mta_sts_enforce", "enforce, and an MX host fails", ""): (4, 7, 3),
    ("mta_sts_enforce", "an MX host fails", "that enforces, determined"): (4, 6, 3),
    ("mta_sts_enforce", "reason: sts-policy-invalid", ""): (1, 6, 3),
    ("mta_sts_enforce", "reason: starttls-not-supported", ""): (1, 6, 3),
    ("mta_sts_enforce", "reason: validation-failure", ""): (0, 6, 3),
    ("mta_sts_enforce", "reason: certificate-not-trusted", ""): (1, 6, 3),
    ("mta_sts_enforce", "reason: certificate-expired", ""): (1, 6, 3),
    ("mta_sts_enforce", "reason: certificate-host-mismatch", ""): (0, 6, 3),
    ("mta_sts_enforce", "sender: deliver", ""): (2, 8, 0),
    ("mta_sts_enforce", "sender: fall_back", ""): (1, 8, 0),
    ("mta_sts_enforce", "sender: refuse", ""): (3, 8, 0),
    ("mta_sts_enforce", "sender: unknown", ""): (2, 8, 0),
    # Yes: a by both, b and e by DANE, c by MTA-STS. Not known: g, l, o, y; h and x, which were not reached.
    ("authenticated_transport", "authenticated", "(of D3)"): (4, 21, 6, 2),
    ("authenticated_transport", "by DANE", "(of D3)"): (3, 22, 4, 3),
    ("authenticated_transport", "by MTA-STS", "(of D3)"): (2, 23, 4, 2),
    ("authenticated_transport", "by both", "(of D3)"): (1, 24, 2, 3),
    # No besides: w, and x but for its record, which the DNS alone decides. Never: n.
    ("authenticated_transport", "authenticated", "(D2), determined"): (4, 22, 6, 1),
    ("authenticated_transport", "by DANE", "(D2), determined"): (3, 24, 4, 1),
    ("authenticated_transport", "by MTA-STS", "(D2), determined"): (2, 24, 4, 1),
    ("authenticated_transport", "by both", "(D2), determined"): (1, 26, 2, 1),
    ("authenticated_transport", "DANE yes: MTA-STS yes, PKIX yes", ""): (1, 25, 0),  # a
    ("authenticated_transport", "DANE yes: MTA-STS no, PKIX yes", ""): (1, 25, 0),  # b
    ("authenticated_transport", "DANE yes: MTA-STS no, PKIX no", ""): (1, 25, 0),  # e
    ("authenticated_transport", "DANE no: MTA-STS yes, PKIX yes", ""): (1, 25, 0),  # c
    ("authenticated_transport", "DANE no: MTA-STS yes, PKIX no", ""): (0, 25, 0),
    ("authenticated_transport", "DANE no: MTA-STS no, PKIX yes", ""): (11, 25, 0),
    ("authenticated_transport", "DANE no: MTA-STS no, PKIX no", ""): (5, 25, 0),  # d, f, q, r, bb
    ("authenticated_transport", "DANE no: MTA-STS no, PKIX not known", ""): (1, 25, 0),  # aa
    ("authenticated_transport", "DANE no: MTA-STS not known, PKIX yes", ""): (1, 25, 0),  # y
    ("authenticated_transport", "DANE not known: MTA-STS no, PKIX yes", ""): (1, 25, 0),  # l
    ("authenticated_transport", "DANE not known: MTA-STS no, PKIX not known", ""): (1, 25, 0),  # o
    ("authenticated_transport", "DANE not known: MTA-STS not known, PKIX not known", ""): (1, 25, 0),  # g
}


def trusted_run() -> SmallRun:
    """Return the rows that TRUSTED counts."""
    run = SmallRun()
    _secure_domains(run)
    _insecure_domains(run)
    _hosts(run)
    _odd_hosts(run)
    return run


def _secure_domains(run: SmallRun) -> None:
    enforce: dict[str, Any] = {"dnssec": "secure", "sts": "valid", "policy": "valid", "mode": "enforce"}
    failing: dict[str, Any] = {"consistent": False, "dane": "broken", "dane_action": "refuse"}
    full: dict[str, Any] = {"dane": "full", "dane_action": "deliver"}
    broken: dict[str, Any] = {"dane": "broken", "dane_action": "refuse"}
    run.domain("a.test", "10 mx.ee.test", **full, **enforce)
    run.domain("b.test", "10 mx.roll.test", dnssec="secure", **full)
    run.domain("c.test", "10 mx.off.test", **broken, **enforce)
    run.domain("d.test", "10 mx.late.test", **failing, **enforce)
    run.domain("e.test", "10 mx.own.test", dnssec="secure", **full)
    run.named["e.test"] = ("mx.own.test",)
    run.domain("f.test", "10 mx.bare.test", **failing, **enforce)
    run.domain("g.test", "10 mx.wait.test", **failing, **enforce)
    silent: dict[str, Any] = {"dane": "unknown", "dane_action": "unknown", "consistent": None}
    run.domain("h.test", "10 mx.mute.test", **silent, **enforce)
    run.domain("i.test", "10 mx.odd.test", dnssec="secure", dane="unauthenticated", dane_action="deliver")
    run.domain(
        "j.test",
        "10 mx.ee.test",
        "10 mx.plain.test",
        dnssec="secure",
        dane="partial",
        dane_action="deliver",
    )
    run.domain("k.test", "10 mx.bogus.test", dnssec="secure", **broken)
    run.domain("l.test", "10 mx.lost.test", dnssec="secure", **broken)
    run.domain("m.test", "10 mx.plain.test", dnssec="secure")
    run.domain("n.test", "10 localhost unusable", dnssec="secure", dane="unknown")
    run.domain("o.test", "10 mx.ee.test", "10 mx.skip.test", dnssec="secure", **full)
    run.domain(
        "cc.test",
        "10 mx.off.test",
        "20 mx.plain.test",
        dnssec="secure",
        dane="broken",
        dane_action="fall_back",
    )


def _insecure_domains(run: SmallRun) -> None:
    run.domain("p.test", "10 mx.ee.test", dane="hosted")
    run.domain("q.test", "10 mx.own.test", dane="broken")
    run.domain("r.test", "10 mx.free.test")
    run.domain("s.test", "10 mx.half.test", sts="valid", policy="valid", mode="testing")
    run.domain("t.test", "10 mx.alias.test", dane="hosted")
    run.domain("u.test", "10 mx.both.test", dane="broken")
    run.domain("v.test", "10 mx.mix.test", dane="hosted")
    run.domain("w.test", "10 mx.mute.test", dane="unknown")
    run.domain("x.test", "10 mx.mute.test", dane="unknown", sts="lookup_failed", sts_action="unknown")
    run.domain("y.test", "10 mx.ee.test", dane="hosted", sts="valid", policy="tcp")
    enforce: dict[str, Any] = {"sts": "valid", "policy": "valid", "mode": "enforce", "consistent": False}
    uncovered = ("mx.ee.test",)
    run.domain("z.test", "10 mx.ee.test", dane="hosted", uncovered=uncovered, **enforce)
    run.domain("aa.test", "10 mx.wait.test", dane="broken")
    run.domain("bb.test", "10 mx.free.test", "20 mx.roll.test", sts_action="fall_back", **enforce)


def _hosts(run: SmallRun) -> None:
    """Hosts with secure addresses, and secure TLSA records that fit or do not."""
    _host(run, "ee", 1, Tlsa("matched", "3 1 1 matched", dnssec="secure"))
    _host(run, "roll", 2, Tlsa("matched", "3 1 1 matched", "3 1 1 no_match", dnssec="secure"))
    _host(run, "off", 3, Tlsa("mismatched no_match", "3 1 1 no_match", dnssec="secure"))
    _host(run, "late", 4, Tlsa("mismatched expired", "2 0 1 expired", dnssec="secure"), reason="expired")
    own = Tlsa("mismatched name_mismatch", "2 0 1 name_mismatch", dnssec="secure")
    _host(run, "own", 5, own, reason="name_mismatch")
    _host(run, "bare", 6, Tlsa("no_tls", "3 1 1 untried", dnssec="secure"), "no_starttls")
    wait = Tlsa("no_tls", "3 1 1 untried", dnssec="secure")
    _host(run, "wait", 7, wait, "starttls_refused", "temporary_reply")
    _host(run, "mute", 8, Tlsa("unknown", "3 1 1 untried", dnssec="secure"), "unreachable")
    skip = Tlsa("unknown", "3 1 1 untried", dnssec="secure")
    _host(run, "skip", 9, skip, "not_attempted", "session_cap")
    _host(run, "mix", 10, Tlsa("matched", "3 1 1 passed_over", "3 1 2 matched", dnssec="secure"))


def _odd_hosts(run: SmallRun) -> None:
    """Hosts without TLSA records that count, an alias, and one that says another thing at each address."""
    _host(run, "odd", 11, Tlsa("unusable", "0 0 1 pkix_usage", "1 1 1 pkix_usage", dnssec="secure"))
    _host(run, "plain", 12, Tlsa("absent", dnssec="secure"))
    _host(run, "bogus", 13, Tlsa("lookup_failed", dnssec="bogus"))
    _host(run, "lost", 14, Tlsa("lookup_failed", dnssec="indeterminate"))
    run.host("mx.free.test", "192.0.2.15")
    run.session(
        "mx.free.test", "192.0.2.15", tlsa=Tlsa("not_applicable", "3 1 1 untried"), reason="self_signed"
    )
    run.host("mx.half.test", "192.0.2.16")
    run.session("mx.half.test", "192.0.2.16", tlsa=Tlsa("not_applicable", "3 1 1 untried", dnssec="secure"))
    run.host("mx.alias.test", "192.0.2.17", dnssec="secure", alias="end.test")
    end = Tlsa("matched", "3 1 1 matched", dnssec="secure", alias="end.test")
    run.session("mx.alias.test", "192.0.2.17", tlsa=end)
    run.host("mx.both.test", "192.0.2.18", "192.0.2.19", dnssec="secure")
    run.session("mx.both.test", "192.0.2.18", tlsa=Tlsa("matched", "3 1 1 matched", dnssec="secure"))
    other = Tlsa("mismatched no_match", "3 1 1 no_match", dnssec="secure")
    run.session("mx.both.test", "192.0.2.19", tlsa=other)


def _host(
    run: SmallRun,
    name: str,
    number: int,
    tlsa: Tlsa,
    outcome: str = "tls_ok",
    failure: str | None = None,
    **verdict: Any,
) -> None:
    """Add a host with a secure address; what failed for now was asked twice."""
    host, address = f"mx.{name}.test", f"192.0.2.{number}"
    run.host(host, address, dnssec="secure")
    if outcome == "unreachable" or failure == "temporary_reply":
        run.session(host, address, outcome, failure, tlsa=tlsa, last=False)
    run.session(host, address, outcome, failure, tlsa=tlsa, **verdict)
