"""MTA-STS policies: how the policy host serves one (or not), and what must be recorded and judged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_BODY_OCTETS = 64 * 1024
PLAIN = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """The text of a policy. In a value '%' stands for the MX patterns, one line each."""

    lines: tuple[str, ...] = ("version: STSv1", "mode: enforce", "mx: %", "max_age: 604800")
    line_end: str = "\r\n"
    tail: bytes = b""
    """Octets after the last line."""
    mode: str | None = "enforce"
    max_age: int | None = 604800
    mx_patterns: tuple[str, ...] | None = None
    """None: those that '%' stands for."""
    choose: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple
    """From the names of a domain's MX hosts: the patterns that '%' stands for."""

    def patterns(self, mx_hosts: tuple[str, ...]) -> tuple[str, ...]:
        """Return what a reader finds as patterns."""
        return self.choose(mx_hosts) if self.mx_patterns is None else self.mx_patterns

    def body(self, mx_hosts: tuple[str, ...]) -> bytes:
        """Return the body for a domain's MX hosts."""
        lines: list[str] = []
        for line in self.lines:
            patterns = self.choose(mx_hosts) if "%" in line else ("",)
            lines += [line.replace("%", pattern) for pattern in patterns]
        return "".join(line + self.line_end for line in lines).encode("ascii") + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScenario:
    """One way for the fetch of a policy to go."""

    verdict: str = "valid"
    syntax: str | None = None
    text: PolicyText = field(default_factory=PolicyText)
    host: str = "found"
    """What the lookups of the policy host give: found, alias, nodata, nxdomain, a word of FAILED_LOOKUPS."""
    server: dict[str, Any] = field(default_factory=dict)
    """Fields of PolicyServer."""
    certificate: str = "good"
    """Word of CERTIFICATE_SCENARIOS."""
    stage: str = "body"
    failure: str | None = None
    handshake: bool | None = True
    """False: begun and failed. None: not begun."""
    status: int | None = 200
    content_type: str | None = PLAIN
    location: str | None = None
    body_read: bool = True


def _no_address(host: str, failure: str) -> PolicyScenario:
    return PolicyScenario(
        verdict="dns", host=host, stage="address", failure=failure, handshake=None, status=None,
        content_type=None, body_read=False,
    )  # fmt: skip


def _no_connection(connect: str, failure: str) -> PolicyScenario:
    return PolicyScenario(
        verdict="tcp", server={"connect": connect}, stage="connect", failure=failure, handshake=None,
        status=None, content_type=None, body_read=False,
    )  # fmt: skip


def _no_tls(handshake: str, failure: str) -> PolicyScenario:
    return PolicyScenario(
        verdict="tls", server={"handshake": handshake}, stage="handshake", failure=failure, handshake=False,
        status=None, content_type=None, body_read=False,
    )  # fmt: skip


def _no_response(response: str, failure: str, verdict: str) -> PolicyScenario:
    return PolicyScenario(
        verdict=verdict, server={"response": response}, stage="response", failure=failure, status=None,
        content_type=None, body_read=False,
    )  # fmt: skip


def _untrusted(certificate: str, verdict: str) -> PolicyScenario:
    return PolicyScenario(verdict=verdict, certificate=certificate)


def _status(status: int, *, location: str | None = None) -> PolicyScenario:
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html"),)
    if location:
        headers += (("Location", location),)
    return PolicyScenario(
        verdict="redirect" if location else "http_status", server={"status": status, "headers": headers},
        stage="response", status=status, content_type="text/html", location=location, body_read=False,
    )  # fmt: skip


def _content_type(content_type: str | None, verdict: str = "content_type") -> PolicyScenario:
    headers = (("Content-Type", content_type),) if content_type else ()
    return PolicyScenario(verdict=verdict, server={"headers": headers}, content_type=content_type)


def _valid(*lines: str, **members: Any) -> PolicyScenario:
    return PolicyScenario(text=PolicyText(lines=lines, **members))


def _syntax(word: str, *lines: str, tail: bytes = b"") -> PolicyScenario:
    return PolicyScenario(verdict="syntax", syntax=word, text=PolicyText(lines=lines, tail=tail))


def _wildcards(hosts: tuple[str, ...], labels: int) -> tuple[str, ...]:
    """Return patterns with '*' in place of the first labels of each host, as long as a name is left."""
    above = (host.split(".", min(labels, host.count(".")))[-1] for host in hosts)
    return tuple(dict.fromkeys(f"*.{name}" for name in above))


_VERSION, _MODE, _MX, _AGE = PolicyText().lines
_ELSEWHERE = "mx.elsewhere.example"

POLICY_SCENARIOS: dict[str, PolicyScenario] = {
    "enforce": PolicyScenario(),
    "testing": _valid(_VERSION, "mode: testing", _MX, _AGE, mode="testing"),
    "none": _valid(_VERSION, "mode: none", _AGE, mode="none", mx_patterns=()),
    "line_feeds": PolicyScenario(text=PolicyText(line_end="\n")),
    "unknown_keys": _valid(_VERSION, "lab_key: anything goes", _MODE, _MX, _AGE),
    "duplicate_keys": _valid(_VERSION, _MODE, "mode: none", _MX, _AGE, "max_age: 1"),
    "max_age_zero": _valid(_VERSION, _MODE, _MX, "max_age: 0", max_age=0),
    "max_age_longest": _valid(_VERSION, _MODE, _MX, "max_age: 31557600", max_age=31557600),
    "other_mx": _valid(_VERSION, _MODE, f"mx: {_ELSEWHERE}", _AGE, mx_patterns=(_ELSEWHERE,)),
    "some_mx": PolicyScenario(text=PolicyText(choose=lambda hosts: hosts[:1])),
    "wildcard": PolicyScenario(text=PolicyText(choose=lambda hosts: _wildcards(hosts, 1))),
    "wildcard_too_high": PolicyScenario(text=PolicyText(choose=lambda hosts: _wildcards(hosts, 2))),
    "testing_some_mx": PolicyScenario(
        text=PolicyText(
            lines=(_VERSION, "mode: testing", _MX, _AGE), mode="testing", choose=lambda hosts: hosts[:1]
        )
    ),
    "with_charset": _content_type("text/plain; charset=utf-8", "valid"),
    "alias": PolicyScenario(host="alias"),
    "host_nxdomain": _no_address("nxdomain", "no_address"),
    "host_nodata": _no_address("nodata", "no_address"),
    "host_servfail": _no_address("servfail", "lookup_failed"),
    "host_bogus": _no_address("bogus", "lookup_failed"),
    "host_timeout": _no_address("timeout", "lookup_failed"),
    "connect_refused": _no_connection("refuse", "refused"),
    "connect_dropped": _no_connection("drop", "timeout"),
    "handshake_alert": _no_tls("alert", "tls_alert"),
    "handshake_closed": _no_tls("close", "closed"),
    "expired": _untrusted("expired", "certificate_expired"),
    "not_yet_valid": _untrusted("not_yet_valid", "certificate_expired"),
    "wrong_name": _untrusted("wrong_name", "certificate_name"),
    "cn_only": _untrusted("cn_only", "certificate_name"),
    "self_signed": _untrusted("self_signed", "certificate_untrusted"),
    "incomplete_chain": _untrusted("incomplete_chain", "certificate_untrusted"),
    "unknown_root": _untrusted("unknown_root", "certificate_untrusted"),
    "redirect": _status(301, location="https://www.elsewhere.example/.well-known/mta-sts.txt"),
    "found_elsewhere": _status(302, location="/policy.txt"),
    "not_found": _status(404),
    "server_error": _status(500),
    "html": _content_type("text/html; charset=utf-8"),
    "no_content_type": _content_type(None),
    "too_large": PolicyScenario(
        verdict="too_large", text=PolicyText(tail=b"#" * (MAX_BODY_OCTETS + 1)), failure="reply_too_long",
        body_read=False,
    ),
    "response_silent": _no_response("silent", "timeout", "timeout"),
    "response_closed": _no_response("close", "closed", "http"),
    "response_garbage": _no_response("garbage", "malformed_reply", "http"),
    "body_cut_short": PolicyScenario(
        verdict="http", server={"response": "cut_short"}, failure="closed", body_read=False
    ),
    "not_text": _syntax("not_text", _VERSION, _MODE, _MX, _AGE, tail=b"lab_key: \xff\xfe\r\n"),
    "malformed_line": _syntax("malformed_line", _VERSION, _MODE, _MX, "no colon in this line", _AGE),
    "empty": _syntax("missing_version"),
    "missing_version": _syntax("missing_version", _MODE, _MX, _AGE),
    "invalid_version": _syntax("invalid_version", "version: STSv2", _MODE, _MX, _AGE),
    "missing_mode": _syntax("missing_mode", _VERSION, _MX, _AGE),
    "invalid_mode": _syntax("invalid_mode", _VERSION, "mode: report", _MX, _AGE),
    "missing_max_age": _syntax("missing_max_age", _VERSION, _MODE, _MX),
    "invalid_max_age": _syntax("invalid_max_age", _VERSION, _MODE, _MX, "max_age: 31557601"),
    "missing_mx": _syntax("missing_mx", _VERSION, _MODE, _AGE),
    "invalid_mx": _syntax("invalid_mx", _VERSION, _MODE, _MX, "mx: *.*.elsewhere.example", _AGE),
}  # fmt: skip
