"""Closed vocabularies: every word that may stand in a column, and what it means.

Beside each word stands its meaning, which is its entry in the data dictionary (`crawler.dictionary`).
"""

from enum import StrEnum
from typing import Self


class Vocabulary(StrEnum):
    """A closed list of words, each with its meaning."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Make the word; the meaning rides along as an attribute."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        return word


class Rejection(Vocabulary):
    """Why a line of a domain list gave no domain (`rejected.csv`)."""

    BLANK = "blank", "nothing on the line"
    COMMENT = "comment", "begins with #"
    DUPLICATE = "duplicate", "the domain stood on an earlier line"
    URL = "url", "a URL, or a path"
    EMAIL_ADDRESS = "email_address", "holds an @"
    IP_ADDRESS = "ip_address", "an IP address, with or without port"
    INVALID_IDN = "invalid_idn", "a name that IDNA 2008 does not allow"
    NOT_A_DOMAIN = "not_a_domain", "labels that are not letters, digits and inner hyphens"
    SINGLE_LABEL = "single_label", "one label: no registrable domain"
    LABEL_TOO_LONG = "label_too_long", "a label over 63 octets"
    NAME_TOO_LONG = "name_too_long", "over 253 octets"
    LINE_TOO_LONG = "line_too_long", "a line over 4,096 octets, not read further"
    NOT_TEXT = "not_text", "not UTF-8, or control characters"


class LookupStatus(Vocabulary):
    """How one DNS lookup ended. Failures are never merged with each other, nor with absence."""

    NOERROR = "noerror", "records of the type asked for"
    NODATA = "nodata", "the name exists and has no record of this type (RFC 2308 s2.2)"
    NXDOMAIN = "nxdomain", "the name does not exist (RFC 2308 s2.1)"
    SERVFAIL = "servfail", "the resolver could not get or would not believe an answer"
    REFUSED = "refused", "the resolver refused the question"
    NAME_TOO_LONG = "name_too_long", "over 255 octets: cannot exist, and cannot be asked (RFC 1035 s2.3.4)"
    FORMERR = "formerr", "the resolver called the question malformed"
    NOTIMP = "notimp", "the resolver does not implement the question"
    OTHER_RCODE = "other_rcode", "any other response code"
    TIMEOUT = "timeout", "no reply within the time limit, after all attempts"
    TRUNCATED = "truncated", "truncated over UDP, and TCP gave no whole reply"
    MALFORMED = "malformed", "a reply came that could not be read"
    UNREACHABLE = "unreachable", "the resolver's address refused or could not be reached"
    OPTED_OUT = (
        "opted_out",
        "not asked: the operator's opt-out file names it; or not kept: it names what this is an alias of",
    )
    OVER_LIMIT = "over_limit", "not asked: beyond the number of MX hosts that are asked of one domain"

    @property
    def have_records(self) -> bool | None:
        """Whether there are records of the type: yes, provably not, or (None) not known."""
        if self is LookupStatus.NOERROR:
            return True
        absences = (LookupStatus.NODATA, LookupStatus.NXDOMAIN, LookupStatus.NAME_TOO_LONG)
        return False if self in absences else None


class DnssecStatus(Vocabulary):
    """Security status of one RRset or denial by itself (RFC 4033 s5)."""

    SECURE = "secure", "validated by a trusted resolver (AD bit)"
    INSECURE = "insecure", "a trusted resolver answered without AD: provably unsigned"
    BOGUS = "bogus", "SERVFAIL that turns into an answer when checking is disabled (CD bit)"
    INDETERMINATE = "indeterminate", "the lookup failed, with checking disabled too"
    UNVALIDATED = "unvalidated", "the resolver is not trusted to validate: nothing can be said"
    NOT_ATTEMPTED = "not_attempted", "nothing was asked; the status says why"


class MxKind(Vocabulary):
    """What the MX lookup of a domain says about where its mail goes (RFC 5321 s5.1, RFC 7505)."""

    EXPLICIT = "explicit", "at least one MX record, none of them null"
    NULL_MX = "null_mx", "exactly one MX record, with exchange '.': accepts no mail"
    NULL_MX_WITH_OTHERS = "null_mx_with_others", "a null MX beside other MX records, against RFC 7505"
    NO_MX = "no_mx", "NODATA: implicit MX if the domain itself has an address"
    NO_DOMAIN = "no_domain", "NXDOMAIN"
    UNKNOWN = "unknown", "the MX lookup failed"
    OPTED_OUT = "opted_out", "the operator's opt-out file names the domain, or what it is an alias of"


class UnusableExchange(Vocabulary):
    """Why an MX exchange cannot be a mail host (RFC 5321 s2.3.5, RFC 2181 s10.3)."""

    ROOT = "root", "'.', which is no host: null MX (RFC 7505), alone or against it beside others"
    IP_LITERAL = "ip_literal", "an IP address written as a name"
    LOCALHOST = "localhost", "localhost or a name below it"
    SINGLE_LABEL = "single_label", "a single label"
    NOT_A_HOSTNAME = "not_a_hostname", "labels that are no host name (RFC 1123 s2.1)"


class SessionStage(Vocabulary):
    """How far an SMTP session got, in order. The stage named is the last one begun."""

    NOT_ATTEMPTED = "not_attempted", "never contacted; `failure` says why"
    CONNECT = "connect", "TCP connection"
    GREETING = "greeting", "the server's opening reply"
    HELLO = "hello", "EHLO, or HELO after EHLO was refused with 5xx"
    STARTTLS = "starttls", "the STARTTLS command and its reply"
    HANDSHAKE = "handshake", "the TLS handshake"
    HELLO_TLS = "hello_tls", "EHLO again, inside TLS"


class FetchStage(Vocabulary):
    """How far the HTTPS fetch of an MTA-STS policy got, in order (RFC 8461 s3.3)."""

    ADDRESS = "address", "A and AAAA lookup of the policy host"
    CONNECT = "connect", "TCP connection"
    HANDSHAKE = "handshake", "the TLS handshake"
    RESPONSE = "response", "status line and header fields"
    BODY = "body", "the body, up to its end or the size limit"


class Failure(Vocabulary):
    """Why a stage did not succeed. Null means that it did."""

    SPECIAL_PURPOSE_ADDRESS = "special_purpose_address", "an address never to be contacted (IANA registries)"
    OPTED_OUT = "opted_out", "not contacted: the operator's opt-out file names the host or its network"
    SAMPLED = (
        "sampled",
        "not contacted: a sample of the provider's other names at this address was asked in its place",
    )
    SESSION_CAP = "session_cap", "not contacted: beyond the sessions held with one address or provider"
    BACKED_OFF = "backed_off", "not contacted: those who run its network kept pushing this scanner back"
    LOOKUP_FAILED = "lookup_failed", "the address lookups failed"
    NO_ADDRESS = "no_address", "the host has no address"
    UNREACHABLE = "unreachable", "no route to the network or host"
    REFUSED = "refused", "the connection was refused"
    TIMEOUT = "timeout", "the stage's time limit passed"
    RESET = "reset", "the peer reset the connection"
    CLOSED = "closed", "the peer closed the connection"
    MALFORMED_REPLY = "malformed_reply", "octets that are no SMTP reply or no HTTP response"
    REPLY_TOO_LONG = "reply_too_long", "a reply or body beyond the limits"
    SERVICE_CLOSING = "service_closing", "421"
    TEMPORARY_REPLY = "temporary_reply", "any other 4yz reply"
    PERMANENT_REPLY = "permanent_reply", "a 5yz reply"
    UNEXPECTED_REPLY = "unexpected_reply", "a well-formed reply that this command may not get"
    TLS_ALERT = "tls_alert", "the handshake ended in an alert"
    TLS_ERROR = "tls_error", "the handshake failed without an alert: no TLS, or TLS that OpenSSL cannot read"
    LOCAL_ERROR = "local_error", "this machine's fault: no file descriptor, no port"
    UNKNOWN = "unknown", "an operating system error without a word of its own; `failure_detail` names it"

    @property
    def is_for_now(self) -> bool:
        """Whether it may be gone later, so that it is worth a second attempt."""
        return self in (
            Failure.BACKED_OFF,
            Failure.TIMEOUT,
            Failure.RESET,
            Failure.CLOSED,
            Failure.SERVICE_CLOSING,
            Failure.TEMPORARY_REPLY,
            Failure.LOCAL_ERROR,
        )

    @property
    def may_be_ours(self) -> bool:
        """Whether a network that is gone on this side would look like this."""
        return self in (
            Failure.UNREACHABLE,
            Failure.TIMEOUT,
            Failure.RESET,
            Failure.CLOSED,
            Failure.LOCAL_ERROR,
            Failure.UNKNOWN,
        )


class AlertSide(Vocabulary):
    """Who sent a TLS alert."""

    CLIENT = "client", "this scanner"
    SERVER = "server", "the peer"


class Outcome(Vocabulary):
    """What a session says about STARTTLS: a reading of stage, failure and the offer."""

    NOT_ATTEMPTED = "not_attempted", "never contacted"
    UNREACHABLE = "unreachable", "no greeting: no route, refused, timeout, reset or closed"
    REFUSED_GREETING = "refused_greeting", "4yz or 5yz in place of 220"
    NOT_SMTP = "not_smtp", "something else than an SMTP greeting"
    HELLO_FAILED = "hello_failed", "greeted, but no EHLO or HELO was accepted: unknown, not 'no STARTTLS'"
    NO_STARTTLS = "no_starttls", "EHLO or HELO accepted, STARTTLS not offered"
    STARTTLS_REFUSED = "starttls_refused", "offered, but not answered with 220"
    TLS_FAILED = "tls_failed", "220 to STARTTLS, and no TLS handshake after it"
    TLS_OK = "tls_ok", "TLS handshake completed: supports STARTTLS"


class PkixReason(Vocabulary):
    """Why a certificate is not valid for its host; the first that applies, in this order."""

    NO_CERTIFICATE = "no_certificate", "the server sent no certificate"
    UNPARSABLE = "unparsable", "the server's certificate cannot be read"
    SELF_SIGNED = "self_signed", "the server's certificate is signed with its own key and not in the store"
    UNKNOWN_ISSUER = "unknown_issuer", "the path ends in a self-signed certificate that is not in the store"
    INCOMPLETE_CHAIN = "incomplete_chain", "the path stops at an issuer neither sent nor in the store"
    BAD_SIGNATURE = "bad_signature", "a signature on the path does not verify"
    NOT_A_CA = "not_a_ca", "an issuer on the path may not issue certificates"
    WEAK_SIGNATURE = "weak_signature", "a signature algorithm on the path is too weak"
    WEAK_KEY = "weak_key", "a key on the path is too weak"
    OTHER_PATH = "other_path", "any other path error; `verify_code` is OpenSSL's word for it"
    EXPIRED = "expired", "a certificate on the path had expired"
    NOT_YET_VALID = "not_yet_valid", "a certificate on the path was not valid yet"
    NAME_MISMATCH = "name_mismatch", "path and time are right, the name is another's"


class StsRecordVerdict(Vocabulary):
    """What the TXT RRset at _mta-sts.<domain> is (RFC 8461 s3.1)."""

    VALID = "valid", "exactly one record, with a valid id"
    ABSENT = "absent", "no TXT record is one of version STSv1"
    MULTIPLE = "multiple", "more than one record starts with 'v=STSv1;': treated as none"
    INVALID_ID = "invalid_id", "the id is missing, or not 1 to 32 letters and digits"
    MALFORMED = "malformed", "starts with 'v=STSv1;' but breaks the grammar"
    LOOKUP_FAILED = "lookup_failed", "the TXT lookup failed"
    NOT_ATTEMPTED = "not_attempted", "not looked up: the domain does not exist, or is opted out"


class StsPolicyVerdict(Vocabulary):
    """How the policy of a domain with an MTA-STS record fared (RFC 8461 s3.2, s3.3); first failure."""

    VALID = "valid", "fetched and well formed"
    NOT_ATTEMPTED = (
        "not_attempted",
        "not fetched: no TXT record looks like MTA-STS, or the policy host is opted out",
    )
    DNS = "dns", "the policy host has no address, or its lookup failed"
    TCP = "tcp", "no TCP connection"
    TLS = "tls", "no TLS session"
    CERTIFICATE_EXPIRED = "certificate_expired", "the policy host's certificate was expired or not yet valid"
    CERTIFICATE_NAME = "certificate_name", "the policy host's certificate is for another name"
    CERTIFICATE_UNTRUSTED = (
        "certificate_untrusted",
        "the policy host's certificate has no path to the root store",
    )
    REDIRECT = "redirect", "a 3yz status, never followed (s3.3)"
    HTTP_STATUS = "http_status", "any other status than 200"
    CONTENT_TYPE = "content_type", "not text/plain"
    TOO_LARGE = "too_large", "a body over 64 KiB"
    TIMEOUT = "timeout", "a time limit passed after the TCP connection stood"
    HTTP = "http", "no well-formed HTTP response, or one cut short"
    SYNTAX = "syntax", "the policy text breaks the grammar; `sts_policy_syntax` says where"


class StsPolicySyntax(Vocabulary):
    """What is wrong in a policy text (RFC 8461 s3.2); first error."""

    NOT_TEXT = "not_text", "octets outside UTF-8, or a NUL"
    MALFORMED_LINE = "malformed_line", "a line that is no key, colon, value"
    MISSING_VERSION = "missing_version", "no version"
    INVALID_VERSION = "invalid_version", "version is not STSv1"
    MISSING_MODE = "missing_mode", "no mode"
    INVALID_MODE = "invalid_mode", "mode is not enforce, testing or none"
    MISSING_MAX_AGE = "missing_max_age", "no max_age"
    INVALID_MAX_AGE = "invalid_max_age", "max_age is not 0..31557600"
    MISSING_MX = "missing_mx", "no mx, and mode is not none"
    INVALID_MX = "invalid_mx", "an mx that is neither a host name nor '*.' and a host name"


class StsMode(Vocabulary):
    """The mode of an MTA-STS policy (RFC 8461 s3.2)."""

    ENFORCE = "enforce", "do not deliver to hosts that fail"
    TESTING = "testing", "report failures, deliver all the same"
    NONE = "none", "no policy: not adoption"


class TlsrptVerdict(Vocabulary):
    """What the TXT RRset at _smtp._tls.<domain> is (RFC 8460 s3)."""

    VALID = "valid", "exactly one record, with at least one mailto: or https: rua"
    ABSENT = "absent", "no TXT record is one of version TLSRPTv1"
    MULTIPLE = "multiple", "more than one record starts with 'v=TLSRPTv1;': treated as none"
    INVALID_RUA = "invalid_rua", "rua is missing, is no list of URIs, or has neither mailto: nor https: in it"
    MALFORMED = "malformed", "starts with 'v=TLSRPTv1;' but breaks the grammar"
    LOOKUP_FAILED = "lookup_failed", "the TXT lookup failed"
    NOT_ATTEMPTED = "not_attempted", "not looked up: the domain does not exist, or is opted out"


class Basis(Vocabulary):
    """What a session verdict stands on."""

    DIRECT = "direct", "this MX host at this address was asked in this run, or nothing stands in its place"
    INFERRED = "inferred", "a sample of the provider's other names at this address was asked, and agreed"


class TlsaProblem(Vocabulary):
    """Why a TLSA record cannot be used on SMTP (RFC 7672 s3.1, RFC 7671 s4)."""

    PKIX_USAGE = "pkix_usage", "certificate usage PKIX-TA(0) or PKIX-EE(1), which SMTP does not know"
    UNKNOWN_USAGE = "unknown_usage", "a certificate usage that is not registered"
    UNKNOWN_SELECTOR = "unknown_selector", "a selector that is not registered"
    UNKNOWN_MATCHING_TYPE = "unknown_matching_type", "a matching type that is not registered"
    MALFORMED_DATA = "malformed_data", "association data of the wrong length, or no certificate or key"


class DaneStatus(Vocabulary):
    """What DANE comes to for one MX host at one address (RFC 7672)."""

    NOT_ATTEMPTED = "not_attempted", "the addresses or TLSA records were not looked up"
    WITHHELD = "withheld", "the resolver is not trusted to validate: nothing can be said"
    ABSENT = "absent", "TLSA records are denied, or the answer is insecure: no DANE"
    NOT_APPLICABLE = "not_applicable", "the address records are insecure: a sender asks for no TLSA (s2.2.2)"
    LOOKUP_FAILED = "lookup_failed", "the TLSA lookup failed or is bogus: a sender may not deliver (s2.1.2)"
    UNUSABLE = "unusable", "TLSA records, none of them usable: TLS is mandatory, unauthenticated (s2.2)"
    MATCHED = "matched", "a usable record authenticates the server"
    MISMATCHED = "mismatched", "no usable record authenticates the server: a sender may not deliver"
    NO_TLS = "no_tls", "TLSA records, and the server answers without TLS: a sender may not deliver"
    UNKNOWN = "unknown", "TLSA records, and no session showed whether the server has TLS"


class DaneReason(Vocabulary):
    """Why usable TLSA records do not authenticate a server: the one that came closest."""

    NO_MATCH = "no_match", "no record matches any certificate sent"
    NO_PATH = "no_path", "a trust anchor matches, and no path leads to it from the server's certificate"
    EXPIRED = "expired", "the path to the trust anchor had expired"
    NOT_YET_VALID = "not_yet_valid", "the path to the trust anchor was not valid yet"
    NAME_MISMATCH = "name_mismatch", "path and time are right, the name is another's"


class DaneDomain(Vocabulary):
    """What DANE comes to for a mail domain, by its primary MX hosts that answered (RFC 7672)."""

    UNKNOWN = "unknown", "the MX lookup failed, or no primary MX host answered"
    WITHHELD = "withheld", "the resolver is not trusted to validate: nothing can be said"
    ABSENT = "absent", "no primary MX host has TLSA records that count"
    FULL = "full", "every primary MX host is authenticated, and the MX records are secure"
    HOSTED = "hosted", "every primary MX host is authenticated, but the MX records are not secure"
    PARTIAL = "partial", "some primary MX hosts are authenticated, the others have no records that count"
    UNAUTHENTICATED = (
        "unauthenticated",
        "TLS is mandatory at some primary MX host, whose records are unusable",
    )
    BROKEN = "broken", "some primary MX host fails: no match, no TLS, or its TLSA lookup failed"


class SenderAction(Vocabulary):
    """What a sender that enforces a policy would do with mail for a domain."""

    OPPORTUNISTIC = "opportunistic", "no policy applies: deliver, with TLS if there is any"
    DELIVER = "deliver", "deliver to a primary MX host, as the policy demands"
    FALL_BACK = "fall_back", "deliver to a less preferred MX host: every primary one fails the policy"
    REFUSE = "refuse", "keep the mail, and in the end return it: no MX host meets the policy"
    UNKNOWN = "unknown", "hosts that decide it did not answer, or lookups failed"


class AuthenticatedBy(Vocabulary):
    """What authenticates the transport of mail to a domain, where senders enforce it."""

    BOTH = (
        "both",
        "DANE at every primary MX host, and an MTA-STS policy in mode enforce that all of them meet",
    )
    DANE = "dane", "DANE alone"
    STS = "sts", "MTA-STS alone"
    NONE = "none", "neither"
    UNKNOWN = "unknown", "not known of one of them, and the other is not there"


class ResultType(Vocabulary):
    """Why a session would fail a policy: the registered words of TLSRPT (RFC 8460 s4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported", "no STARTTLS, or it was refused"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch", "the certificate is for another name"
    CERTIFICATE_EXPIRED = "certificate-expired", "a certificate had expired, or was not yet valid"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted", "no path to a trust anchor"
    VALIDATION_FAILURE = "validation-failure", "TLS failed, or a reason without a word of its own"
    TLSA_INVALID = "tlsa-invalid", "no TLSA record can be used"
    DNSSEC_INVALID = "dnssec-invalid", "the TLSA lookup failed, or its answer is bogus"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error", "the policy could not be fetched"
    STS_POLICY_INVALID = "sts-policy-invalid", "the policy text is not valid, or does not name the MX host"
    STS_WEBPKI_INVALID = "sts-webpki-invalid", "the policy host's certificate is not valid"
