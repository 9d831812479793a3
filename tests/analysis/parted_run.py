"""Twenty domains in parts: families, networks, providers, ranks, steps of MTA-STS; and what each comes to."""

from crawler.outcomes import AlertSide
from crawler.records import Alert
from tests.analysis.small_run import SmallRun

PARTED = {
    # figure, stratum, unit as far as it tells rows apart: numerator, denominator, unknown, and never if any
    ("starttls_by_address", "TLS handshake completed, IPv4", ""): (8, 15, 3),
    ("starttls_by_address", "STARTTLS accepted (220), IPv4", ""): (10, 15, 3),
    ("starttls_by_address", "STARTTLS offered, IPv4", ""): (12, 16, 2),
    ("starttls_by_address", "TLS handshake completed, IPv6", ""): (1, 2, 1),
    ("starttls_by_address", "STARTTLS offered, IPv6", ""): (1, 2, 1),
    ("starttls_by_address", "STARTTLS over both", ""): (1, 2, 1),
    ("starttls_by_address", "STARTTLS over IPv4 alone", ""): (1, 2, 1),
    ("starttls_by_address", "STARTTLS over IPv6 alone", ""): (0, 2, 1),
    ("starttls_by_address", "STARTTLS over neither", ""): (0, 2, 1),
    ("starttls_by_address", "same answer over both", ""): (1, 2, 1),
    # Of twelve hosts that offer it: alert, junk and deny fail, and of wait it is not known.
    ("starttls_offered_but_fails", "any reason", ""): (3, 11, 1),
    ("starttls_offered_but_fails", "reason: handshake, server alert handshake_failure", ""): (
        1,
        11,
        1,
    ),
    ("starttls_offered_but_fails", "reason: handshake, tls_error", ""): (1, 11, 1),
    ("starttls_offered_but_fails", "reason: starttls, permanent_reply", ""): (1, 11, 1),
    ("starttls_offered_but_fails", "not known: starttls, temporary_reply", ""): (1, 12, 0),
    # With TLS: mx1, mx3, shop, cafe, inn, bar, pub. Perhaps: wait, dead, mute.
    ("name_mismatch_by_provider", "any mismatch", ""): (5, 7, 3),
    ("name_mismatch_by_provider", "names: another host of its provider", ""): (1, 7, 3),
    ("name_mismatch_by_provider", "names: another provider", ""): (2, 7, 3),
    ("name_mismatch_by_provider", "names: something else", ""): (1, 7, 3),
    ("name_mismatch_by_provider", "names: nothing", ""): (1, 7, 3),
    ("name_mismatch_by_provider", "provider named: big.test", ""): (2, 7, 3),
    # Nineteen addresses greeted; of mute it is known only that its greeting was in order.
    ("stripping_suspects", "any fingerprint", ""): (2, 18, 1),
    ("stripping_suspects", "fingerprint: keyword overwritten", ""): (1, 18, 1),
    ("stripping_suspects", "fingerprint: greeting masked", ""): (1, 19, 0),
    ("stripping_suspects", "fingerprint: both", ""): (0, 19, 0),
    ("stripping_suspects", "any fingerprint, and STARTTLS not offered", ""): (2, 18, 1),
    ("stripping_suspects", "any fingerprint, IPv4", ""): (2, 16, 1),
    ("stripping_suspects", "any fingerprint, IPv6", ""): (0, 2, 0),
    ("stripping_suspects", "any suspect, /24", ""): (1, 3, 1),
    ("stripping_suspects", "more than one suspect, /24", ""): (1, 3, 1),
    ("stripping_suspects", "every address a suspect, /24", ""): (1, 3, 0),
    ("stripping_suspects", "any suspect, /48", ""): (0, 1, 0),
    ("stripping_suspects", "every address a suspect, /48", ""): (0, 1, 0),
    ("consistency", "addresses differ: STARTTLS", ""): (1, 2, 0),
    ("consistency", "addresses differ: TLS version", ""): (1, 1, 0),
    ("consistency", "addresses differ: certificate", ""): (0, 1, 0),
    ("consistency", "names differ: STARTTLS", ""): (1, 2, 0),
    ("consistency", "attempts flip: greeted with 220", ""): (1, 6, 0),
    ("consistency", "attempts flip: STARTTLS offered", ""): (1, 2, 4),
    ("consistency", "attempts flip: TLS handshake completed", ""): (0, 0, 6),
    ("mta_sts_ladder", "S0 record", "(D0)"): (10, 19, 1),
    ("mta_sts_ladder", "S1 one, and valid", "(D0)"): (9, 19, 1),
    ("mta_sts_ladder", "S2 policy host", "(D0)"): (7, 18, 2),
    ("mta_sts_ladder", "S3 policy fetched", "(D0)"): (6, 18, 2),
    ("mta_sts_ladder", "S4 policy valid", "(D0)"): (5, 18, 2),
    ("mta_sts_ladder", "S5 MX hosts named", "(D0)"): (3, 18, 2),
    ("mta_sts_ladder", "S6 MX hosts valid", "(D0)"): (1, 17, 3),
    ("mta_sts_ladder", "S0 record", "(D2)"): (10, 18, 1),
    ("mta_sts_ladder", "S1 one, and valid", "(D2)"): (9, 18, 1),
    ("mta_sts_ladder", "S2 policy host", "(D2)"): (7, 17, 2),
    ("mta_sts_ladder", "S3 policy fetched", "(D2)"): (6, 17, 2),
    ("mta_sts_ladder", "S4 policy valid", "(D2)"): (5, 17, 2),
    ("mta_sts_ladder", "S5 MX hosts named", "(D2)"): (3, 17, 2),
    ("mta_sts_ladder", "S6 MX hosts valid", "(D2)"): (1, 16, 3),
    ("mta_sts_ladder", "S1 one, and valid", "(S0)"): (9, 10, 0),
    ("mta_sts_ladder", "S2 policy host", "(S0)"): (7, 9, 1),
    ("mta_sts_ladder", "S3 policy fetched", "(S0)"): (6, 9, 1),
    ("mta_sts_ladder", "S4 policy valid", "(S0)"): (5, 9, 1),
    ("mta_sts_ladder", "S5 MX hosts named", "(S0)"): (3, 9, 1),
    ("mta_sts_ladder", "S6 MX hosts valid", "(S0)"): (1, 8, 2),
    ("mta_sts_ladder", "stops before S1: multiple", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S2: tcp, no answer", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S2: certificate_name", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S3: http_status", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S4: missing_mx", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S5: an MX host not named", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S5: mode none", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S6: no MX host answered", ""): (1, 10, 0),
    ("mta_sts_ladder", "stops before S6: an MX host not valid", ""): (1, 10, 0),
    # Yes: a, c, f, g, h, i, j. No: b, d, e, k, l, m, n, p. Not known: o, q, r. Never: s.
    ("starttls_by_domain", "all", ""): (7, 15, 3, 1),
    # The ten largest: big, plain, then by name up to junk. The others: mute, pub, shop, slow, wait.
    ("by_provider", "STARTTLS: big.test", ""): (2, 3, 0),
    ("by_provider", "STARTTLS: plain.test", ""): (0, 2, 0),
    ("by_provider", "STARTTLS: junk.test", ""): (0, 1, 0),
    ("by_provider", "STARTTLS: dead.test", ""): (0, 0, 1),
    ("by_provider", "STARTTLS: all other providers", ""): (2, 3, 2),
    ("by_provider", "STARTTLS: no usable primary exchange", ""): (0, 0, 0, 1),
    ("by_provider", "valid certificates: big.test", ""): (2, 3, 0),
    ("by_provider", "valid certificates: bar.test", ""): (0, 1, 0),
    ("by_provider", "post-quantum: big.test", ""): (1, 3, 0),
    ("by_provider", "post-quantum: bar.test", ""): (1, 1, 0),
    ("by_provider", "MTA-STS record: big.test", ""): (3, 3, 0),
    ("by_provider", "MTA-STS record: plain.test", ""): (0, 1, 1),
    ("by_provider", "MTA-STS record: all other providers", ""): (2, 5, 0),
    ("by_provider", "MTA-STS record: no usable primary exchange", ""): (0, 1, 0),
    ("without_provider", "STARTTLS: all", ""): (7, 15, 3, 1),
    ("without_provider", "STARTTLS: without big.test", ""): (5, 12, 3, 1),
    ("without_provider", "STARTTLS: without plain.test", ""): (7, 13, 3, 1),
    ("without_provider", "STARTTLS: without these ten", ""): (2, 3, 2, 1),
    ("without_provider", "valid certificates: all", ""): (2, 15, 3, 1),
    ("without_provider", "valid certificates: without big.test", ""): (0, 12, 3, 1),
    ("without_provider", "post-quantum: all", ""): (6, 15, 3, 1),
    ("without_provider", "post-quantum: without big.test", ""): (5, 12, 3, 1),
    ("without_provider", "MTA-STS record: all", ""): (9, 18, 1),
    ("without_provider", "MTA-STS record: without big.test", ""): (6, 15, 1),
    ("by_rank", "STARTTLS: 1 to 1,000", ""): (1, 2, 0),
    ("by_rank", "STARTTLS: 1,001 to 10,000", ""): (1, 2, 0),
    ("by_rank", "STARTTLS: 10,001 to 100,000", ""): (1, 2, 0),
    ("by_rank", "STARTTLS: above 100,000", ""): (1, 1, 0),
    ("by_rank", "STARTTLS: no rank", ""): (3, 8, 3, 1),
    # Valid certificates: a, c. Post-quantum: c, f, g, h, i, j; not a, for its second address.
    ("by_rank", "valid certificates: 1 to 1,000", ""): (1, 2, 0),
    ("by_rank", "valid certificates: 1,001 to 10,000", ""): (1, 2, 0),
    ("by_rank", "valid certificates: 10,001 to 100,000", ""): (0, 2, 0),
    ("by_rank", "valid certificates: above 100,000", ""): (0, 1, 0),
    ("by_rank", "valid certificates: no rank", ""): (0, 8, 3, 1),
    ("by_rank", "post-quantum: 1 to 1,000", ""): (0, 2, 0),
    ("by_rank", "post-quantum: 1,001 to 10,000", ""): (1, 2, 0),
    ("by_rank", "post-quantum: 10,001 to 100,000", ""): (1, 2, 0),
    ("by_rank", "post-quantum: above 100,000", ""): (1, 1, 0),
    ("by_rank", "post-quantum: no rank", ""): (3, 8, 3, 1),
    ("by_rank", "MTA-STS record: 1 to 1,000", ""): (2, 2, 0),
    ("by_rank", "MTA-STS record: 1,001 to 10,000", ""): (1, 2, 0),
    ("by_rank", "MTA-STS record: 10,001 to 100,000", ""): (1, 1, 1),
    ("by_rank", "MTA-STS record: above 100,000", ""): (1, 1, 0),
    ("by_rank", "MTA-STS record: no rank", ""): (4, 12, 0),
    ("by_tld", ".com", ""): (2, 4, 0),
    ("by_tld", ".org", ""): (3, 4, 0),
    ("by_tld", ".net", ""): (2, 7, 3, 1),
    ("beyond_the_list", "STARTTLS: drawn one by one", ""): (7, 15, 3, 1),
    ("beyond_the_list", "STARTTLS: drawn by provider", ""): (7, 15, 3, 1),
    ("beyond_the_list", "valid certificates: drawn one by one", ""): (2, 15, 3, 1),
    ("beyond_the_list", "valid certificates: drawn by provider", ""): (2, 15, 3, 1),
    ("beyond_the_list", "post-quantum: drawn one by one", ""): (6, 15, 3, 1),
    ("beyond_the_list", "post-quantum: drawn by provider", ""): (6, 15, 3, 1),
    ("beyond_the_list", "MTA-STS record: drawn one by one", ""): (9, 18, 1),
    ("beyond_the_list", "MTA-STS record: drawn by provider, silence included", ""): (9, 18, 1),
}


def parted_run() -> SmallRun:
    """Return the rows that PARTED counts."""
    run = SmallRun()
    _domains(run)
    _two_families(run)
    _names(run)
    _failures(run)
    return run


def _domains(run: SmallRun) -> None:
    run.domain("a.com", "10 mx1.big.test", rank=1, sts="valid", policy="valid", mode="enforce")
    run.domain(
        "b.com",
        "10 mx2.big.test",
        rank=1000,
        sts="valid",
        policy="valid",
        mode="testing",
        uncovered=("mx2.big.test",),
        consistent=False,
    )
    run.domain("c.com", "10 mx3.big.test", rank=1001, sts="valid", policy="valid", mode="none")
    run.domain("d.com", "10 mx.plain.test", rank=10_000, sts="multiple")
    run.domain("e.org", "10 mx2.plain.test", rank=10_001, sts="lookup_failed")
    run.domain("f.org", "10 mx.shop.test", rank=100_000, sts="valid", policy="tcp")
    run.domain("g.org", "10 mx.cafe.test", rank=100_001, sts="valid", policy="http_status")
    run.domain("h.org", "10 mx.inn.test", sts="valid", policy="syntax")
    run.domain("i.net", "10 mx.bar.test", sts="valid", policy="valid", mode="enforce", consistent=None)
    run.domain("j.net", "10 mx.pub.test", sts="valid", policy="valid", mode="enforce", consistent=False)
    run.domain("k.net", "10 mx.den.test", sts="valid", policy="certificate_name")
    hosts = {"l": "alert", "m": "junk", "n": "deny", "o": "wait", "p": "slow", "q": "dead", "r": "mute"}
    for domain, host in hosts.items():
        run.domain(f"{domain}.net", f"10 mx.{host}.test")
    run.domain("s.net", "0 localhost unusable")
    run.domain("t.net", status="nxdomain", sts="not_attempted", tlsrpt="not_attempted")


def _two_families(run: SmallRun) -> None:
    """One host good over both families, one over IPv4 alone, one silent over IPv6."""
    chain = (run.certificate("big"),)
    run.host("mx1.big.test", "192.0.2.1", "2001:db8:1::1")
    run.session("mx1.big.test", "192.0.2.1", "unreachable", last=False)
    run.session("mx1.big.test", "192.0.2.1", chain=chain)
    run.session(
        "mx1.big.test",
        "2001:db8:1::1",
        chain=chain,
        version="TLSv1.2",
        cipher_suite="ECDHE-RSA-AES128-SHA",
        group="x25519",
    )
    run.host("mx2.big.test", "192.0.2.2", "2001:db8:1::2")
    run.session("mx2.big.test", "192.0.2.2", chain=chain)
    run.session("mx2.big.test", "2001:db8:1::2", "no_starttls")
    run.host("mx3.big.test", "192.0.2.3", "2001:db8:1::3")
    run.session("mx3.big.test", "192.0.2.3", chain=chain)
    _twice(run, "mx3.big.test", "2001:db8:1::3", "unreachable")


def _names(run: SmallRun) -> None:
    """Two fingerprints of stripping; certificates that name others; two pairs of hosts at one address."""
    run.host("mx.plain.test", "198.51.100.1")
    run.session("mx.plain.test", "198.51.100.1", "no_starttls", overwritten=True)
    run.host("mx2.plain.test", "198.51.100.2")
    run.session("mx2.plain.test", "198.51.100.2", "no_starttls", masked=True)
    presented = {
        "shop": ("203.0.113.1", ("*.big.test", "nobody.example")),
        "cafe": ("203.0.113.1", ("*.big.test", "nobody.example")),
        "inn": ("203.0.113.2", ("www.big.test", "WEB.inn.test")),
        "bar": ("203.0.113.3", ("localhost.localdomain", "notbig.test")),
        "pub": ("203.0.113.4", ()),
    }
    for name, (address, dns_names) in presented.items():
        chain = (run.certificate(name, dns_names=dns_names),)
        run.host(f"mx.{name}.test", address)
        run.session(f"mx.{name}.test", address, chain=chain, reason="name_mismatch")
    run.host("mx.den.test", "203.0.113.4")
    run.session("mx.den.test", "203.0.113.4", "no_starttls")


def _failures(run: SmallRun) -> None:
    """Hosts that offer STARTTLS and fail, or offer it at one attempt alone; and two that are hardly heard."""
    for number, name in enumerate(["alert", "junk", "deny", "wait", "slow", "dead"]):
        run.host(f"mx.{name}.test", f"203.0.113.{20 + number}")
    alert = Alert(side=AlertSide.SERVER, code=40, name="handshake_failure")
    run.session("mx.alert.test", "203.0.113.20", "tls_failed", alert=alert)
    run.session("mx.junk.test", "203.0.113.21", "tls_failed", "tls_error")
    run.session("mx.deny.test", "203.0.113.22", "starttls_refused")
    _twice(run, "mx.wait.test", "203.0.113.23", "starttls_refused", "temporary_reply")
    run.session("mx.slow.test", "203.0.113.24", "starttls_refused", "temporary_reply", last=False)
    run.session("mx.slow.test", "203.0.113.24", "no_starttls")
    _twice(run, "mx.dead.test", "203.0.113.25", "unreachable")
    run.host("mx.mute.test", "203.0.114.26")
    _twice(run, "mx.mute.test", "203.0.114.26", "hello_failed")


def _twice(run: SmallRun, host: str, address: str, outcome: str, failure: str | None = None) -> None:
    run.session(host, address, outcome, failure, last=False)
    run.session(host, address, outcome, failure)
