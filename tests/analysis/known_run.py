"""Nineteen domains, each there for one rule, and the figures that count them by hand."""

from typing import Any

from tests.analysis.small_run import SmallRun

KNOWN = {
    # figure, stratum, unit as far as it tells rows apart: numerator, denominator, unknown, and never if any
    ("starttls_by_domain", "all", ""): (5, 9, 4, 2),
    ("starttls_by_domain", "explicit MX", ""): (4, 8, 4, 2),
    ("starttls_by_domain", "implicit MX", ""): (1, 1, 0),
    ("starttls_by_domain_rule", "every reachable primary MX host", ""): (5, 8, 5, 2),
    ("starttls_by_domain_rule", "every reachable MX host", ""): (4, 8, 6, 1),
    ("starttls_by_domain_rule", "any reachable MX host", ""): (6, 8, 6, 1),
    ("starttls_by_host", "TLS handshake completed", ""): (3, 5, 2),
    ("starttls_by_host", "STARTTLS accepted (220)", ""): (3, 5, 2),
    ("starttls_by_host", "STARTTLS offered", ""): (4, 6, 1),
    ("starttls_weighted", "equal", ""): (5, 9, 4, 2),
    ("nonresponse", "any class", "(D2)"): (4, 15, 0),
    ("nonresponse", "class: unreachable", "(D2)"): (2, 15, 0),
    ("nonresponse", "class: starttls_refused", "(D2)"): (2, 15, 0),
    ("nonresponse", "not deliverable: primary MX hosts have no address", "(D2)"): (1, 15, 0),
    ("nonresponse", "not deliverable: no usable primary exchange", "(D2)"): (1, 15, 0),
    ("nonresponse", "any class", "address"): (3, 10, 0),
    ("nonresponse", "class: unreachable, timeout", "address"): (2, 10, 0),
    ("nonresponse", "class: starttls_refused, temporary_reply", "address"): (1, 10, 0),
    ("nonresponse", "family: IPv4", ""): (3, 9, 0),
    ("nonresponse", "family: IPv6", ""): (0, 1, 0),
    ("nonresponse", "hour: 14 UTC", ""): (3, 10, 0),
    ("certificate_ladder", "path", "TLS"): (3, 3, 2),
    ("certificate_ladder", "+ time", "TLS"): (2, 3, 2),
    ("certificate_ladder", "+ name of the MX host", "TLS"): (1, 3, 2),
    ("certificate_ladder", "time only", "TLS"): (2, 3, 2),
    ("certificate_ladder", "name of the MX host only", "TLS"): (2, 3, 2),
    ("certificate_ladder", "path", "(of D3)"): (5, 9, 4, 2),
    ("certificate_ladder", "+ time", "(of D3)"): (4, 9, 4, 2),
    ("certificate_ladder", "+ name of the MX host", "(of D3)"): (3, 9, 4, 2),
    ("certificate_ladder", "+ name of the mail domain", "(of D3)"): (1, 9, 4, 2),
    ("certificate_ladder", "time only", "(of D3)"): (4, 9, 4, 2),
    ("certificate_ladder", "name of the MX host only", "(of D3)"): (4, 9, 4, 2),
    ("certificate_ladder", "name of the mail domain only", "(of D3)"): (2, 9, 4, 2),
    ("certificate_failures", "reason: none", ""): (1, 3, 2),
    ("certificate_failures", "reason: expired", ""): (1, 3, 2),
    ("certificate_failures", "reason: name_mismatch", ""): (1, 3, 2),
    ("certificate_failures", "self-signed", ""): (1, 3, 2),
    ("certificate_failures", "only by common name", ""): (1, 3, 2),
    ("certificate_issuers", "issuer: Example Trust", ""): (1, 3, 0),
    ("certificate_issuers", "issuer: A\\, B Inc.", ""): (1, 3, 0),
    ("certificate_issuers", "self-signed", ""): (1, 3, 0),
    ("certificate_keys", "ec 256", ""): (2, 3, 0),
    ("certificate_keys", "rsa 2048", ""): (1, 3, 0),
    ("certificate_expiry", "expired for up to a year", ""): (1, 3, 0),
    ("certificate_expiry", "up to 90 days", ""): (1, 3, 0),
    ("certificate_expiry", "more than ten years", ""): (1, 3, 0),
    ("tls_versions", "TLSv1.3", "TLS"): (1, 3, 2),
    ("tls_versions", "TLSv1.2", "TLS"): (1, 3, 2),
    ("tls_versions", "TLSv1.1", "TLS"): (0, 3, 2),
    ("tls_versions", "TLSv1", "TLS"): (1, 3, 2),
    ("tls_versions", "TLSv1.3", "(of D3)"): (3, 9, 4, 2),
    ("tls_versions", "TLSv1.2", "(of D3)"): (1, 9, 4, 2),
    ("tls_versions", "TLSv1.1", "(of D3)"): (0, 9, 4, 2),
    ("tls_versions", "TLSv1", "(of D3)"): (1, 9, 4, 2),
    ("tls_versions", "no TLS", "(of D3)"): (4, 9, 4, 2),
    ("cipher_suites", "TLS_AES_256_GCM_SHA384", ""): (1, 3, 2),
    ("cipher_suites", "ECDHE-RSA-AES128-SHA", ""): (1, 3, 2),
    ("cipher_suites", "AES256-SHA", ""): (1, 3, 2),
    ("key_exchange_groups", "X25519MLKEM768", ""): (1, 3, 2),
    ("key_exchange_groups", "x25519", ""): (2, 3, 2),
    ("key_exchange_groups", "no group: static RSA", ""): (1, 3, 2),
    ("forward_secrecy", "forward secrecy", "TLS"): (2, 3, 2),
    ("forward_secrecy", "forward secrecy", "(of D3)"): (4, 9, 4, 2),
    ("post_quantum", "hybrid group with ML-KEM", "TLS"): (0, 3, 2),
    ("post_quantum", "hybrid group with ML-KEM", "(of D3)"): (0, 9, 4, 2),
    ("dnssec_mx", "secure", "(D2)"): (1, 13, 2),
    ("dnssec_mx", "insecure", "(D2)"): (12, 13, 2),
    ("dnssec_mx", "status not known", "(D2)"): (2, 15, 0),
    ("dnssec_mx", "insecure", "(D0)"): (15, 19, 0),
    ("dnssec_mx", "bogus", "(D0)"): (1, 19, 0),
    ("dnssec_mx", "indeterminate", "(D0)"): (1, 19, 0),
    ("dnssec_mx", "unvalidated", "(D0)"): (1, 19, 0),
    ("dnssec_mx", "secure", "(D0)"): (1, 19, 0),
    ("mta_sts_record", "valid record", "(D0)"): (4, 18, 1),
    ("mta_sts_record", "any record", "(D0)"): (6, 18, 1),
    ("mta_sts_record", "broken: multiple", "(D0)"): (2, 18, 1),
    ("mta_sts_record", "broken: invalid_id", "(D0)"): (0, 18, 1),
    ("mta_sts_record", "broken: malformed", "(D0)"): (0, 18, 1),
    ("mta_sts_ladder", "stops before S3: redirect", ""): (1, 6, 0),
    ("mta_sts_record", "valid record", "(D2)"): (4, 14, 1),
    ("mta_sts_mode", "policy fetched and valid", ""): (2, 3, 1),
    ("mta_sts_mode", "mode: enforce", ""): (1, 2, 1),
    ("mta_sts_mode", "mode: testing", ""): (1, 2, 1),
    ("mta_sts_mode", "mode: none", ""): (0, 2, 1),
    ("tlsrpt", "valid record", "(D2)"): (1, 15, 0),
    ("tlsrpt", "valid record", "(D0)"): (2, 19, 0),
    ("tlsrpt", "any record", "(D2)"): (2, 15, 0),
    ("requiretls", "REQUIRETLS", ""): (1, 4, 3),
    ("provider_share", "provider: good.test", ""): (4, 15, 0),
    ("provider_share", "provider: dead.test", ""): (3, 15, 0),
    ("provider_share", "provider: plain.test", ""): (2, 15, 0),
    ("provider_share", "no usable primary exchange", ""): (1, 15, 0),
    ("provider_share", "HHI", ""): (35, 225, 0),
    ("provider_share", "effective number of providers", ""): (225, 35, 0),
    ("populations", "D0 listed", ""): (19, 19, 0),
    ("populations", "D1 resolvable", ""): (17, 19, 0),
    ("populations", "not in D1: MX lookup nxdomain", ""): (1, 19, 0),
    ("populations", "not in D1: MX lookup servfail", ""): (1, 19, 0),
    ("populations", "D2 mail-capable", ""): (15, 17, 0),
    ("populations", "D2 by implicit MX", ""): (1, 17, 0),
    ("populations", "not in D2: null MX", ""): (1, 17, 0),
    ("populations", "not in D2: no MX and no address", ""): (1, 17, 0),
    ("populations", "D3 reachable", ""): (13, 15, 0),
    ("populations", "not in D3: no answer, no 220 greeting", ""): (1, 15, 0),
    ("populations", "not in D3: not deliverable, no MX host has an address", ""): (1, 15, 0),
    ("populations", "D3 determined", ""): (9, 13, 0),
    ("populations", "not determined: no answer, starttls_refused", "(D3)"): (2, 13, 0),
    ("populations", "not determined: no answer, unreachable", "(D3)"): (1, 13, 0),
    ("populations", "not determined: not deliverable, no usable primary exchange", "(D3)"): (1, 13, 0),
    ("populations", "P primary", ""): (18, 21, 0),
    ("populations", "H reached", ""): (6, 7, 0),
    ("populations", "H determined", ""): (5, 6, 0),
    ("populations", "not determined: no answer, starttls_refused", "(H)"): (1, 6, 0),
    ("populations", "I reached", ""): (8, 10, 0),
    ("populations", "I reached, IPv4", ""): (7, 9, 0),
    ("populations", "I reached, IPv6", ""): (1, 1, 0),
}


def known_run() -> SmallRun:
    """Return the rows that KNOWN counts."""
    run = SmallRun()
    _domains(run)
    _hosts(run)
    return run


def _domains(run: SmallRun) -> None:
    good, plain, temp, dead = "10 mx.good.test", "10 mx.plain.test", "10 mx.temp.test", "10 mx.dead.test"
    enforce: dict[str, Any] = {"policy": "valid", "mode": "enforce"}
    testing: dict[str, Any] = {"policy": "valid", "mode": "testing"}
    run.domain("a.test", good, dnssec="secure", name_domain_ok=True, sts="valid", tlsrpt="valid", **enforce)
    run.domain(
        "b.test",
        good,
        "20 mx.plain.test",
        dnssec="unvalidated",
        name_domain_ok=False,
        sts="valid",
        policy="tcp",
    )
    run.domain("c.test", plain, dnssec="indeterminate", sts="valid", policy="redirect")
    run.domain("d.test", temp, sts="multiple", tlsrpt="invalid_rua")
    run.domain("e.test", dead, sts="lookup_failed")
    run.domain("f.test", dead, "20 mx.good.test", sts="valid", **testing)
    run.domain("g.test", "10 mx.mixed.test")
    run.domain("h.test", "10 mx.half.test", name_domain_ok=False, sts="multiple", **enforce)
    run.domain("i.test", name_domain_ok=True)
    run.domain("j.test")
    run.domain("k.test", "0 .", kind="null_mx", tlsrpt="valid")
    run.domain("l.test", status="nxdomain", sts="not_attempted", tlsrpt="not_attempted")
    run.domain("m.test", status="servfail", dnssec="bogus")
    run.domain("n.test", "10 mx.gone.test")
    run.domain("o.test", "0 localhost unusable", good)
    run.domain("p.test", good, plain)
    run.domain("q.test", temp, plain)
    run.domain("r.test", good, temp)
    run.domain("s.test", dead, good, name_domain_ok=False)


def _hosts(run: SmallRun) -> None:
    valid = run.certificate("valid")
    expired = run.certificate(
        "expired", days_left=-20, issuer="CN=x,O=A\\, B Inc.", key_type="rsa", key_bits=2048
    )
    own = run.certificate("own", days_left=4000, self_signed=True)
    run.host("mx.good.test", "192.0.2.1", "2001:db8::1")
    run.session("mx.good.test", "192.0.2.1", chain=(valid,), keywords_tls=("SIZE 1000", "requiretls"))
    run.session("mx.good.test", "2001:db8::1", chain=(valid,), group="x25519", keywords_tls=("REQUIRETLS",))
    run.host("mx.plain.test", "192.0.2.2")
    run.session("mx.plain.test", "192.0.2.2", "no_starttls")
    run.host("mx.temp.test", "192.0.2.3")
    run.session("mx.temp.test", "192.0.2.3", "starttls_refused", "temporary_reply", last=False)
    run.session("mx.temp.test", "192.0.2.3", "starttls_refused", "temporary_reply")
    run.host("mx.dead.test", "192.0.2.4")
    run.session("mx.dead.test", "192.0.2.4", "unreachable", last=False)
    run.session("mx.dead.test", "192.0.2.4", "unreachable")
    run.host("mx.mixed.test", "192.0.2.5", "192.0.2.6")
    run.session("mx.mixed.test", "192.0.2.5")
    run.session("mx.mixed.test", "192.0.2.6", "no_starttls")
    run.host("mx.half.test", "192.0.2.7", "192.0.2.8")
    run.session(
        "mx.half.test",
        "192.0.2.7",
        version="TLSv1.2",
        cipher_suite="ECDHE-RSA-AES128-SHA",
        group="x25519",
        chain=(expired,),
        keywords_tls=None,
        reason="expired",
    )
    run.session("mx.half.test", "192.0.2.8", "unreachable", last=False)
    run.session("mx.half.test", "192.0.2.8", "unreachable")
    run.host("i.test", "192.0.2.9")
    run.session(
        "i.test",
        "192.0.2.9",
        version="TLSv1",
        cipher_suite="AES256-SHA",
        group=None,
        chain=(own,),
        reason="name_mismatch",
        self_signed=True,
        cn_only=True,
    )
    run.host("j.test")
    run.host("mx.gone.test", status="nxdomain")
