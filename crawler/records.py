"""The records: one frozen dataclass per table, the only source of every schema.

A field's annotation carries its description; the Arrow schema and the data dictionary are derived from
them (`crawler.schema`). Names and hosts are A-labels in lower case without a final dot; times are aware
UTC; digests are lower-case hexadecimal. Text that a peer sent is kept as printable ASCII: any other octet
stands as \\xHH, a backslash as \\\\ (`crawler.protocol.text`). Null means: not attempted, or not known,
as the field says; it never means "no".
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from crawler.outcomes import (
    AlertSide,
    AuthenticatedBy,
    Basis,
    DaneDomain,
    DaneReason,
    DaneStatus,
    DnssecStatus,
    Failure,
    FetchStage,
    LookupStatus,
    MxKind,
    Outcome,
    PkixReason,
    ResultType,
    SenderAction,
    SessionStage,
    StsMode,
    StsPolicySyntax,
    StsPolicyVerdict,
    StsRecordVerdict,
    TlsaProblem,
    TlsrptVerdict,
    UnusableExchange,
)

# --- parts of rows -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CnameStep:
    """One step of a CNAME chain."""

    target: Annotated[str, "name that the CNAME record leads to"]
    dnssec_status: Annotated[DnssecStatus, "security of the CNAME record itself"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One DNS lookup: how it ended, and what is known of its security."""

    status: Annotated[LookupStatus, "how the lookup ended"]
    dnssec_status: Annotated[DnssecStatus, "security of the answer or denial"]
    extended_error: Annotated[
        int | None, "extended DNS error code, when the resolver gave one (RFC 8914)"
    ] = None
    cname_chain: Annotated[
        tuple[CnameStep, ...], "CNAME records that led to the answer or denial, in order"
    ] = ()
    attempts: Annotated[
        int, "questions sent, over UDP and TCP, those about the security of CNAME records left out"
    ] = 1
    elapsed_seconds: Annotated[float, "from the first question to the last reply"] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MxRecord:
    """One MX record."""

    preference: Annotated[int, "preference value: the lowest is the primary"]
    exchange: Annotated[str, "exchange, as sent, lower case; '.' for the root"]
    unusable: Annotated[UnusableExchange | None, "why the exchange can be no mail host; null if it can"] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MxLookup(Lookup):
    """Lookup of MX records."""

    records: Annotated[tuple[MxRecord, ...], "by preference, then exchange"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLookup(Lookup):
    """Lookup of A or AAAA records."""

    addresses: Annotated[tuple[str, ...], "addresses in text form, sorted"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TxtLookup(Lookup):
    """Lookup of TXT records."""

    texts: Annotated[tuple[str, ...], "one text per record, its strings concatenated, sorted"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaRecord:
    """One TLSA record (RFC 6698 s2.1)."""

    usage: Annotated[int, "certificate usage"]
    selector: Annotated[int, "selector"]
    matching_type: Annotated[int, "matching type"]
    association_data: Annotated[str, "certificate association data, hexadecimal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaLookup(Lookup):
    """Lookup of TLSA records."""

    records: Annotated[tuple[TlsaRecord, ...], "sorted"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One complete SMTP reply (RFC 5321 s4.2)."""

    code: Annotated[int, "reply code; of the last line, where a refusal broke off a reply of another code"]
    lines: Annotated[tuple[str, ...], "text of each line, without code and separator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A fatal TLS alert (RFC 8446 s6)."""

    side: Annotated[AlertSide, "who sent it"]
    code: Annotated[int, "alert description"]
    name: Annotated[str, "its registered name, such as handshake_failure; 'unknown' if it has none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsHandshake:
    """One TLS handshake. Nothing was verified: it classifies, verdicts judge."""

    version: Annotated[str | None, "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3; null if the handshake failed"] = None
    cipher_suite: Annotated[str | None, "cipher suite, OpenSSL's name; null if the handshake failed"] = None
    group: Annotated[
        str | None,
        "key-exchange group, post-quantum if 'MLKEM' is in its name; null without one (static RSA, "
        "Diffie-Hellman over finite fields), or if the handshake failed",
    ] = None
    chain: Annotated[tuple[str, ...], "SHA-256 of each certificate, as sent, in the order sent"] = ()
    alert: Annotated[Alert | None, "the fatal alert that ended the handshake; null if none did"] = None
    error: Annotated[str | None, "OpenSSL's reason; null if the handshake succeeded"] = None


# --- tables: observations ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Grain: listed domain."""

    domain: Annotated[str, "the listed domain"]
    position: Annotated[int, "its place in the list, from 1, junk and duplicates left out"]
    rank: Annotated[int | None, "its rank, when the list gives one"]
    mx_kind: Annotated[MxKind, "what the MX lookup says"]
    mx: Annotated[MxLookup, "MX of the domain"]
    sts_txt: Annotated[
        TxtLookup | None,
        "TXT at _mta-sts.<domain>; null: not looked up, the domain does not exist or is opted out",
    ]
    tlsrpt_txt: Annotated[
        TxtLookup | None,
        "TXT at _smtp._tls.<domain>; null: not looked up, the domain does not exist or is opted out",
    ]
    resolved_at: Annotated[datetime, "start of the lookups"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MxHost:
    """Grain: MX host: every usable exchange, and every domain with mx_kind no_mx (implicit MX)."""

    mx_host: Annotated[str, "host name"]
    provider: Annotated[str, "registrable domain of the host name (public suffix list), or the name itself"]
    a: Annotated[AddressLookup, "IPv4 addresses"]
    aaaa: Annotated[AddressLookup, "IPv6 addresses"]
    resolved_at: Annotated[datetime, "start of the lookups"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StsPolicy:
    """Grain: policy domain: every listed domain with a TXT record at _mta-sts that starts with 'v=STSv1'."""

    domain: Annotated[str, "policy domain"]
    policy_host: Annotated[str, "mta-sts.<domain>"]
    a: Annotated[AddressLookup, "IPv4 addresses of the policy host"]
    aaaa: Annotated[AddressLookup, "IPv6 addresses of the policy host"]
    address: Annotated[str | None, "the address last tried; null: none was"]
    stage: Annotated[FetchStage, "the last stage begun"]
    failure: Annotated[Failure | None, "why that stage failed; null: it did not"]
    failure_detail: Annotated[str | None, "what the system or library said, at most 200 characters"]
    tls: Annotated[TlsHandshake | None, "null: no handshake was begun"]
    http_status: Annotated[int | None, "status code; null: no response"]
    content_type: Annotated[str | None, "Content-Type field, as sent; null: none"]
    location: Annotated[str | None, "Location field, as sent; null: none"]
    body: Annotated[bytes | None, "body of a 200 response, at most 64 KiB; null: none was read"]
    fetched_at: Annotated[datetime, "start of the fetch"]
    connect_seconds: Annotated[float | None, "TCP connection; null: none"]
    handshake_seconds: Annotated[float | None, "TLS handshake; null: none completed"]
    total_seconds: Annotated[
        float, "from the first lookup to the end, without the wait for a turn at the address"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Grain: MX host x address x attempt. One SMTP session."""

    mx_host: Annotated[str, "MX host; also the server name sent in TLS"]
    address: Annotated[str, "address, in text form"]
    family: Annotated[int, "4 or 6"]
    port: Annotated[int, "TCP port"]
    attempt: Annotated[int, "1 for the first"]
    stage: Annotated[SessionStage, "the last stage begun"]
    failure: Annotated[Failure | None, "why that stage failed; null: it did not"]
    failure_detail: Annotated[str | None, "what the system or library said, at most 200 characters"]
    greeting: Annotated[Reply | None, "the greeting; null: none was read"]
    greeting_masked: Annotated[
        bool | None, "220 and stars: overwritten on its way, a sign of STARTTLS stripping; null: no greeting"
    ]
    hello_command: Annotated[str | None, "EHLO, or HELO after EHLO was refused; null: none was sent"]
    hello_code: Annotated[int | None, "reply code to it; null: no reply"]
    ehlo_keywords: Annotated[
        tuple[str, ...] | None,
        "EHLO keywords with their parameters, as sent: 'AUTH PLAIN LOGIN' names the mechanisms "
        "(upper(split_part(keyword, ' ', 1)) is the keyword in SQL); null: no EHLO reply",
    ]
    starttls_offered: Annotated[
        bool | None, "STARTTLS among the EHLO keywords; null: EHLO and HELO both failed"
    ]
    starttls_overwritten: Annotated[
        bool | None,
        "XXXXXXXA or its like in the place of STARTTLS: a sign of STARTTLS stripping; null: no EHLO reply",
    ]
    starttls_reply: Annotated[Reply | None, "reply to STARTTLS; null: not sent, or no reply"]
    plaintext_after_220: Annotated[int | None, "octets in the clear after that 220 and not TLS; null: no 220"]
    tls: Annotated[TlsHandshake | None, "null: no handshake was begun"]
    hello_tls_code: Annotated[int | None, "reply code to EHLO inside TLS; null: no reply"]
    ehlo_keywords_tls: Annotated[
        tuple[str, ...] | None,
        "EHLO keywords inside TLS, the only ones that count then (AUTH, REQUIRETLS); null: no reply",
    ]
    quit_code: Annotated[int | None, "reply code to QUIT; null: no reply"]
    pushed_back: Annotated[
        bool | None,
        "a reply sent this scanner away: 421, or a text that names a rate limit or a blocklist; null: no "
        "greeting",
    ]
    tlsa: Annotated[
        TlsaLookup | None, "TLSA at _<port>._tcp.<MX host>, taken just before; null: not looked up"
    ]
    tlsa_expanded: Annotated[
        TlsaLookup | None,
        "TLSA at _<port>._tcp.<end of the MX host's CNAME chain>; null: no alias, or not looked up",
    ]
    started_at: Annotated[datetime, "start of the session"]
    connect_seconds: Annotated[float | None, "TCP connection; null: none"]
    greeting_seconds: Annotated[float | None, "from the connection to the whole greeting; null: none"]
    hello_seconds: Annotated[float | None, "EHLO (and HELO) to the whole reply; null: none"]
    starttls_seconds: Annotated[float | None, "STARTTLS to the whole reply; null: none"]
    handshake_seconds: Annotated[float | None, "TLS handshake; null: none completed"]
    total_seconds: Annotated[float, "whole session, QUIT included"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Grain: certificate. Each distinct certificate that any server sent, once."""

    sha256: Annotated[str, "digest of the DER"]
    der: Annotated[bytes, "the certificate as sent"]
    parse_failure: Annotated[
        str | None, "why it could not be read; null: it could, and the fields below are set"
    ]
    subject: Annotated[str | None, "subject, RFC 4514"]
    issuer: Annotated[str | None, "issuer, RFC 4514"]
    serial_number: Annotated[str | None, "serial number, hexadecimal"]
    not_before: Annotated[datetime | None, "start of validity"]
    not_after: Annotated[datetime | None, "end of validity"]
    key_type: Annotated[str | None, "rsa, ec, ed25519, ed448, dsa or other"]
    key_bits: Annotated[int | None, "key size in bits"]
    signature_algorithm: Annotated[str | None, "signature algorithm, by OID name, or the OID"]
    dns_names: Annotated[tuple[str, ...] | None, "DNS names of the subject alternative name, as presented"]
    common_names: Annotated[tuple[str, ...] | None, "common names of the subject"]
    is_ca: Annotated[bool | None, "basic constraints say CA"]
    self_signed: Annotated[bool | None, "its signature verifies with its own key"]
    spki_sha256: Annotated[str | None, "SHA-256 of the subject public key info"]


# --- parts of verdicts ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTlsaRecord:
    """One TLSA record of the base domain, tried on the chain that the server sent."""

    usage: Annotated[int, "certificate usage"]
    selector: Annotated[int, "selector"]
    matching_type: Annotated[int, "matching type"]
    problem: Annotated[TlsaProblem | None, "why it cannot be used; null: it can"]
    is_passed_over: Annotated[bool, "a stronger digest beside it is preferred (RFC 7671 s9)"]
    is_matched: Annotated[bool, "it authenticates the server"]
    reason: Annotated[DaneReason | None, "why it does not; null: it does, or it was not tried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRoute:
    """One MX host of a domain at one address, and what a sender would find there."""

    mx_host: Annotated[str, "exchange, or the domain itself (implicit MX)"]
    address: Annotated[str | None, "address; null: the host has none, or can be no mail host"]
    preference: Annotated[int, "its best preference value; 0 for implicit MX"]
    is_primary: Annotated[bool, "it has the lowest preference of the domain"]
    outcome: Annotated[Outcome, "as in its session verdict; not_attempted without an address"]
    pkix_ok: Annotated[bool | None, "as in its session verdict"]
    dane: Annotated[
        DaneStatus,
        "as in its session verdict; but matched where only the name was wrong, the MX records are secure and "
        "the certificate names the domain, or what it is an alias of (RFC 7672 s3.2.2); unknown without an "
        "address",
    ]
    dane_reason: Annotated[DaneReason | None, "why the server is not authenticated; null unless mismatched"]
    sts_covered: Annotated[bool | None, "the MTA-STS policy names the host; null without a valid policy"]
    meets_sts: Annotated[
        bool | None,
        "covered, and pkix_ok; null: not known, or no valid policy of mode enforce or testing",
    ]
    dane_result: Annotated[
        ResultType | None, "the word of RFC 8460 for why it fails DANE; null: it does not, or not known"
    ]
    sts_result: Annotated[
        ResultType | None,
        "the word of RFC 8460 for why it fails the policy; null: it does not, not known, or no such policy",
    ]


# --- tables: verdicts ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionVerdict:
    """Grain: MX host x address, judged on its last attempt. Columns on certificates are null without TLS."""

    mx_host: Annotated[str, "MX host"]
    address: Annotated[str, "address"]
    attempt: Annotated[int, "the attempt judged; where inferred, that of sample_mx_host"]
    basis: Annotated[Basis, "what the verdict stands on"]
    sample_mx_host: Annotated[
        str | None, "the MX host whose session at this address stands for this one; null: not inferred"
    ]
    sample_size: Annotated[int | None, "sessions of the sample, which all agreed; null: not inferred"]
    sample_bound: Annotated[
        float | None,
        "at most this share of the names that were not asked differs, with 95 % confidence (rule of three); "
        "null: not inferred",
    ]
    rule_version: Annotated[int, "version of the rules"]
    root_store_sha256: Annotated[str, "digest of the root store file"]
    time_used: Annotated[
        datetime, "the time at which validity was judged: the session's start, or the date asked for"
    ]
    outcome: Annotated[Outcome, "what the session says about STARTTLS"]
    path_ok: Annotated[bool | None, "a path from the certificates sent to the root store, dates apart"]
    time_ok: Annotated[
        bool | None, "every certificate of that path valid in time; without a path, the server's own"
    ]
    name_mx_ok: Annotated[bool | None, "a DNS-ID matches the MX host (RFC 9525)"]
    pkix_ok: Annotated[bool | None, "path, time and MX name"]
    cn_only_match: Annotated[
        bool | None, "no DNS-ID matches, but the common name would: what older studies counted"
    ]
    self_signed: Annotated[bool | None, "the server's certificate verifies with its own key"]
    reason: Annotated[PkixReason | None, "why pkix_ok is false; null: it is true, or there was no TLS"]
    verify_code: Annotated[int | None, "OpenSSL's verify result for the path, dates apart; 0 is ok"]
    tlsa_present: Annotated[bool | None, "TLSA records exist; null: not known"]
    tlsa_dnssec_status: Annotated[DnssecStatus | None, "security of the TLSA answer; null: not looked up"]
    dane: Annotated[DaneStatus, "what DANE comes to, with no name but the MX host's"]
    dane_base_domain: Annotated[
        str | None, "the name whose TLSA records count: the MX host, or what it is an alias of; null: none do"
    ]
    dane_reason: Annotated[DaneReason | None, "why dane is mismatched; null unless it is"]
    dane_usage: Annotated[int | None, "certificate usage that matched, 2 or 3; null: none"]
    tlsa_records: Annotated[
        tuple[JudgedTlsaRecord, ...], "the TLSA records that count, in the order of the lookup"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainVerdict:
    """Grain: listed domain."""

    domain: Annotated[str, "the listed domain"]
    rule_version: Annotated[int, "version of the rules"]
    root_store_sha256: Annotated[str, "digest of the root store file"]
    time_used: Annotated[
        datetime | None,
        "the time at which the policy host's certificate was judged: the fetch's start, or the date asked "
        "for; null: there was no fetch, and no date was asked for",
    ]
    sts_record: Annotated[StsRecordVerdict, "the MTA-STS record"]
    sts_id: Annotated[str | None, "its id; null unless the record is valid"]
    sts_policy: Annotated[StsPolicyVerdict, "the MTA-STS policy, judged whether or not the record is valid"]
    sts_policy_syntax: Annotated[
        StsPolicySyntax | None, "first syntax error; null unless sts_policy is syntax"
    ]
    sts_mode: Annotated[StsMode | None, "mode; null unless sts_policy is valid"]
    sts_max_age: Annotated[int | None, "max_age in seconds; null unless sts_policy is valid"]
    sts_mx_patterns: Annotated[tuple[str, ...] | None, "mx patterns; null unless sts_policy is valid"]
    sts_policy_result: Annotated[
        ResultType | None,
        "the word of RFC 8460 for why the policy fails; null: it does not, or not attempted",
    ]
    sts_step: Annotated[
        int | None,
        "the last step reached, each with all before it: 0 there is a record, 1 one and valid, 2 the policy "
        "host's TLS and certificate, 3 status 200 and text/plain in full, 4 the policy is valid, 5 it names "
        "every MX host, 6 every MX host that answered is pkix_ok, and one did; mode none ends at 4; null: no "
        "record, or not known",
    ]
    sts_uncovered: Annotated[
        tuple[str, ...] | None,
        "MX hosts that the policy does not name, sorted; null without a valid policy, or if the MX hosts are "
        "not known",
    ]
    sts_consistent: Annotated[bool | None, "step 6 is reached; null: not known, or without a valid policy"]
    sts_action: Annotated[SenderAction, "what a sender that does MTA-STS would do (RFC 8461 s5)"]
    dane: Annotated[DaneDomain, "what DANE comes to"]
    dane_action: Annotated[SenderAction, "what a sender that does DANE would do (RFC 7672 s2.2)"]
    authenticated_by: Annotated[AuthenticatedBy, "what authenticates the transport, where senders enforce it"]
    routes: Annotated[
        tuple[JudgedRoute, ...], "every MX host at every address, by preference, host and address"
    ]
    tlsrpt: Annotated[TlsrptVerdict, "the TLSRPT record"]
    tlsrpt_ruas: Annotated[tuple[str, ...] | None, "report addresses; null unless tlsrpt is valid"]
    name_domain_ok: Annotated[
        bool | None,
        "every primary MX host that completed TLS presents a DNS-ID of the mail domain; null: none did",
    ]
    primary_pkix_ok: Annotated[
        bool | None, "pkix_ok at every primary MX host that completed TLS; null: none did"
    ]


TABLES: dict[str, type] = {
    "domains": Domain,
    "mx_hosts": MxHost,
    "sts_policies": StsPolicy,
    "sessions": Session,
    "certificates": Certificate,
    "session_verdicts": SessionVerdict,
    "domain_verdicts": DomainVerdict,
}
"""The tables of a run folder, in the order of the survey."""

TABLE_KEYS: dict[str, tuple[str, ...]] = {
    "domains": ("domain",),
    "mx_hosts": ("mx_host",),
    "sts_policies": ("domain",),
    "sessions": ("mx_host", "address", "attempt"),
    "certificates": ("sha256",),
    "session_verdicts": ("mx_host", "address"),
    "domain_verdicts": ("domain",),
}
"""The columns that identify a row of each table."""
