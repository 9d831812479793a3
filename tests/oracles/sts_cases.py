"""TXT record sets and policy texts of MTA-STS, good and bad, by name."""

import gzip
from dataclasses import dataclass, replace

from crawler.lab.policy_scenarios import POLICY_SCENARIOS
from crawler.lab.txt_scenarios import STS_RECORD_SCENARIOS
from tests.oracles.policy_host import CERTIFICATES

MX = "mx.example.org"

_ID = "id=20260801"
RECORDS: dict[str, tuple[str, ...]] = {
    "no record": (),
    "empty text": ("",),
    "version only": ("v=STSv1",),
    "version and delimiter only": ("v=STSv1;",),
    "no blanks": (f"v=STSv1;{_ID}",),
    "blank before the delimiter": (f"v=STSv1 ;{_ID}",),
    "tabs": (f"v=STSv1;\t{_ID}\t;\t",),
    "blank before the version": (f" v=STSv1; {_ID}",),
    "blank at the end": (f"v=STSv1; {_ID} ",),
    "version in lower case": (f"v=stsv1; {_ID}",),
    "field name in upper case": (f"V=STSv1; {_ID}",),
    "id name in upper case": ("v=STSv1; ID=1",),
    "version not first": (f"{_ID}; v=STSv1;",),
    "version twice": (f"v=STSv1; v=STSv1; {_ID}",),
    "two versions": (f"v=STSv1; {_ID}; v=STSv2",),
    "version 10": (f"v=STSv10; {_ID}",),
    "in quotes": (f'"v=STSv1; {_ID}"',),
    "no delimiter": (f"v=STSv1 {_ID}",),
    "commas": (f"v=STSv1, {_ID}",),
    "two delimiters": (f"v=STSv1;; {_ID}",),
    "two delimiters at the end": (f"v=STSv1; {_ID};;",),
    "id of one letter": ("v=STSv1; id=a",),
    "id of 32": (f"v=STSv1; id={'a' * 32}",),
    "id of 33": (f"v=STSv1; id={'a' * 33}",),
    "id empty": ("v=STSv1; id=",),
    "id with hyphens": ("v=STSv1; id=2026-08-01",),
    "id with an underscore": ("v=STSv1; id=2026_08",),
    "id with a blank inside": ("v=STSv1; id=2026 08",),
    "id with a letter of another script": ("v=STSv1; id=\u0661",),
    "blanks around the equals sign": ("v=STSv1; id = 1",),
    "colon for the equals sign": ("v=STSv1; id: 1",),
    "id twice, alike": ("v=STSv1; id=1; id=1",),
    "id twice, other": ("v=STSv1; id=1; id=2",),
    "id twice, the second broken": ("v=STSv1; id=1; id=!",),
    "id twice, the first broken": ("v=STSv1; id=!; id=1",),
    "unknown field": (f"v=STSv1; {_ID}; ext=some:value",),
    "unknown field first": (f"v=STSv1; ext=1; {_ID}",),
    "unknown field without a value": (f"v=STSv1; {_ID}; ext",),
    "unknown field with an empty value": (f"v=STSv1; {_ID}; ext=",),
    "unknown field with two equals signs": (f"v=STSv1; {_ID}; ext=a=b",),
    "unknown field with a blank": (f"v=STSv1; {_ID}; ext=a b",),
    "two records": ("v=STSv1; id=1", "v=STSv1; id=2"),
    "two records alike": ("v=STSv1; id=1", "v=STSv1; id=1"),
    "two records, one broken": ("v=STSv1; id=1", "v=STSv1;"),
    "two records, one of version 10": ("v=STSv1; id=1", "v=STSv10; id=2"),
    "two records, one with a blank before the delimiter": ("v=STSv1; id=1", "v=STSv1 ; id=2"),
    "beside SPF": ("v=spf1 -all", "v=STSv1; id=1"),
    "beside octets that are no ASCII": ("caf\u00e9", "v=STSv1; id=1"),
    "NUL inside": ("v=STSv1; id=1\0",),
    "line feed inside": ("v=STSv1; id=1\n",),
} | {
    f"lab: {name}": tuple("".join(strings) for strings in scenario.records)
    for name, scenario in STS_RECORD_SCENARIOS.items()
    if scenario.failure is None and scenario.records
}  # fmt: skip


@dataclass(frozen=True)
class Response:
    """What a policy host answers: octets on a TLS connection that it then closes."""

    octets: bytes
    certificate: str = "good"
    """Word of policy_host.CERTIFICATES."""


def respond(
    body: bytes,
    content_type: str | None = "text/plain",
    status: str = "200 OK",
    *headers: str,
    version: str = "1.1",
    length: int | None = -1,
) -> Response:
    """Return a response; length None: without Content-Length, to the end; -1: the right one."""
    fields = [f"HTTP/{version} {status}", *headers]
    if content_type:
        fields.append(f"Content-Type: {content_type}")
    if length is not None:
        fields.append(f"Content-Length: {len(body) if length < 0 else length}")
    return Response("\r\n".join([*fields, "Connection: close", "", ""]).encode("latin-1") + body)


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n", extension: str = "") -> bytes:
    """Return a body in chunks (RFC 9112 s7.1)."""
    return b"".join(f"{len(chunk):x}{extension}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + last


def _lines(*lines: str) -> bytes:
    return "".join(line + "\r\n" for line in lines).encode()


_VERSION, _MODE, _MX, _AGE = "version: STSv1", "mode: enforce", f"mx: {MX}", "max_age: 604800"
GOOD = _lines(_VERSION, _MODE, _MX, _AGE)


def _with_mx(*patterns: str) -> bytes:
    return _lines(_VERSION, _MODE, *(f"mx: {pattern}" for pattern in patterns), _AGE)


def _with_age(age: str) -> bytes:
    return _lines(_VERSION, _MODE, _MX, f"max_age: {age}")


_BODIES: dict[str, bytes] = {
    "good": GOOD,
    "line feeds": GOOD.replace(b"\r", b""),
    "line ends mixed": GOOD.replace(b"\r\n", b"\n", 2),
    "carriage returns": GOOD.replace(b"\n", b""),
    "carriage returns doubled": GOOD.replace(b"\r", b"\r\r"),
    "line ends of Unicode": GOOD.replace(b"\r\n", "\u2028".encode()),
    "form feeds for line ends": GOOD.replace(b"\r\n", b"\f"),
    "last line without an end": GOOD[:-2],
    "blanks at line ends": GOOD.replace(b"\r\n", b" \t\r\n"),
    "blank line at the end": GOOD + b"\r\n",
    "blank line between": GOOD.replace(b"mx:", b"\r\nmx:"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "NUL at the end": GOOD + b"\0",
    "NUL inside": GOOD.replace(b"mx.", b"m\0x."),
    "Latin-1": GOOD + b"note: caf\xe9\r\n",
    "UTF-8": GOOD + "note: caf\u00e9\r\n".encode(),
    "gzip": gzip.compress(GOOD, mtime=0),
    "empty": b"",
    "HTML": b"<!DOCTYPE html>\n<html><body>version: STSv1</body></html>\n",
    "no blank behind the colon": GOOD.replace(b": ", b":"),
    "tab behind the colon": GOOD.replace(b": ", b":\t"),
    "blank before the colon": GOOD.replace(b": ", b" : "),
    "blank before a line": b" " + GOOD,
    "equals signs for colons": GOOD.replace(b": ", b"="),
    "names in upper case": GOOD.replace(b"version", b"Version").replace(b"mode", b"MODE"),
    "any order": _lines(_AGE, _MX, _MODE, _VERSION),
    "unknown field": GOOD + b"x-note: anything\r\n",
    "unknown field, empty": GOOD + b"note:\r\n",
    "line without a colon": GOOD + b"words\r\n",
    "comment": b"# policy\r\n" + GOOD,
    "no version": _lines(_MODE, _MX, _AGE),
    "version 2": GOOD.replace(b"STSv1", b"STSv2"),
    "version in lower case": GOOD.replace(b"STSv1", b"stsv1"),
    "version twice, other": GOOD + b"version: STSv2\r\n",
    "version twice, the first wrong": b"version: STSv2\r\n" + GOOD,
    "no mode": _lines(_VERSION, _MX, _AGE),
    "mode report": GOOD.replace(b"enforce", b"report"),
    "mode in upper case": GOOD.replace(b"enforce", b"Enforce"),
    "mode testing": GOOD.replace(b"enforce", b"testing"),
    "mode none": GOOD.replace(b"enforce", b"none"),
    "mode none without mx": _lines(_VERSION, "mode: none", _AGE),
    "mode twice": GOOD + b"mode: none\r\n",
    "mode twice, the second unknown": GOOD + b"mode: report\r\n",
    "mode twice, the second empty": GOOD + b"mode:\r\n",
    "no max_age": _lines(_VERSION, _MODE, _MX),
    "max_age 0": _with_age("0"),
    "max_age a leap year": _with_age("31557600"),
    "max_age a leap year and a second": _with_age("31557601"),
    "max_age 10^30": _with_age("1" + "0" * 30),
    "max_age of 5,000 digits": _with_age("1" * 5000),
    "max_age negative": _with_age("-1"),
    "max_age with a sign": _with_age("+86400"),
    "max_age with underscores": _with_age("86_400"),
    "max_age with a fraction": _with_age("86400.0"),
    "max_age in hexadecimal": _with_age("0x15180"),
    "max_age with zeros before": _with_age("0000086400"),
    "max_age of eleven digits": _with_age("00000086400"),
    "max_age empty": _with_age(""),
    "max_age in words": _with_age("1 day"),
    "max_age twice": GOOD + b"max_age: 1\r\n",
    "max_age twice, the second broken": GOOD + b"max_age: x\r\n",
    "no mx": _lines(_VERSION, _MODE, _AGE),
    "mx empty": _with_mx(""),
    "mx empty beside another": _with_mx(MX, ""),
    "10,000 mx": b"version:STSv1\nmode:enforce\nmax_age:604800\n" + b"mx:mx\n" * 10_000,
    "mx in upper case": _with_mx("MX.Example.ORG"),
    "mx with a final dot": _with_mx(f"{MX}."),
    "mx with a wildcard": _with_mx("*.example.org"),
    "mx of a wildcard alone": _with_mx("*"),
    "mx of a wildcard and a dot": _with_mx("*."),
    "mx with a wildcard in a label": _with_mx("m*.example.org"),
    "mx with a wildcard further on": _with_mx("mx.*.org"),
    "mx with two wildcards": _with_mx("*.*.example.org"),
    "mx with a leading dot": _with_mx(".example.org"),
    "mx of A-labels": _with_mx("xn--bcher-kva.example", "*.xn--bcher-kva.example"),
    "mx of U-labels": _with_mx("b\u00fccher.example"),
    "mx with an underscore": _with_mx("mx_1.example.org"),
    "mx of two names": _with_mx("a.example.org, b.example.org"),
    "mx of an address": _with_mx("192.0.2.1"),
    "mx of an address in brackets": _with_mx("[192.0.2.1]"),
    "mx of an IPv6 address": _with_mx("2001:db8::1"),
    "mx of a URL": _with_mx("smtp://mx.example.org"),
    "64 KiB": GOOD + b"x: " + b"y" * (65536 - len(GOOD) - 3),
    "64 KiB and an octet": GOOD + b"x: " + b"y" * (65536 - len(GOOD) - 2),
}

_IN_CHUNKS = "Transfer-Encoding: chunked"
_FRAMED: dict[str, Response] = {
    "to the end": respond(GOOD, length=None),
    "HTTP/1.0": respond(GOOD, version="1.0", length=None),
    "HTTP/1.0 with a length": respond(GOOD, version="1.0"),
    "HTTP/2 frames": Response(bytes.fromhex("000000040000000000")),
    "HTTP/3 as a version": respond(GOOD, version="3.0"),
    "not HTTP": Response(b"220 mx.example.org ESMTP\r\n"),
    "no response": Response(b""),
    "status line alone": Response(b"HTTP/1.1 200 OK\r\n"),
    "field without a colon": respond(GOOD, "text/plain", "200 OK", "words"),
    "interim response first": Response(b"HTTP/1.1 103 Early Hints\r\n\r\n" + respond(GOOD).octets),
    "in chunks": respond(chunked(GOOD[:9], GOOD[9:]), "text/plain", "200 OK", _IN_CHUNKS, length=None),
    "in chunks with extensions": respond(
        chunked(GOOD, extension=";a=b"), "text/plain", "200 OK", _IN_CHUNKS, length=None
    ),
    "in chunks, one octet each": respond(
        chunked(*(bytes([octet]) for octet in GOOD)), "text/plain", "200 OK", _IN_CHUNKS, length=None
    ),
    "in chunks without the last": respond(
        chunked(GOOD, last=b""), "text/plain", "200 OK", _IN_CHUNKS, length=None
    ),
    "in chunks of a size in words": respond(b"ten\r\n", "text/plain", "200 OK", _IN_CHUNKS, length=None),
    "in chunks of 64 KiB and an octet": respond(
        chunked(*[b"x" * 4096] * 16, b"x"), "text/plain", "200 OK", _IN_CHUNKS, length=None
    ),
    "in chunks and with a length": respond(chunked(GOOD), "text/plain", "200 OK", _IN_CHUNKS, length=5),
    "length too long": respond(GOOD, length=len(GOOD) + 1),
    "length that cuts the last line end": respond(GOOD, length=len(GOOD) - 2),
    "length in words": respond(GOOD, "text/plain", "200 OK", "Content-Length: ten", length=None),
    "two lengths": respond(GOOD, "text/plain", "200 OK", "Content-Length: 5"),
    "200 KB to the end": respond(GOOD + b"x: " + b"y" * 200_000, length=None),
    "coded by gzip": respond(gzip.compress(GOOD, mtime=0), "text/plain", "200 OK", "Content-Encoding: gzip"),
    "coded by gzip, says so and is not": respond(GOOD, "text/plain", "200 OK", "Content-Encoding: gzip"),
    "coded by gzip, a megabyte within": respond(
        gzip.compress(GOOD + b"x: " + b"y" * 1_000_000, mtime=0),
        "text/plain",
        "200 OK",
        "Content-Encoding: gzip",
    ),
    "type twice": respond(GOOD, "text/plain", "200 OK", "Content-Type: text/html"),
}

RESPONSES: dict[str, Response] = (
    {name: respond(body) for name, body in _BODIES.items()}
    | _FRAMED
    | {
        f"UTF-8 and its charset: {name}": respond(_BODIES[name], "text/plain; charset=utf-8")
        for name in ("good", "UTF-8", "byte order mark", "mx of U-labels", "line ends of Unicode")
    }
    | {
        f"certificate: {name}": replace(respond(GOOD), certificate=name)
        for name in (*CERTIFICATES, "none for the name")
        if name != "good"
    }
    | {
        "charset unknown": respond(GOOD, "text/plain; charset=nonsense"),
        "type in upper case": respond(GOOD, "TEXT/PLAIN"),
        "type with blanks": respond(GOOD, "text/plain ; x=y"),
        "type text/html": respond(GOOD, "text/html"),
        "type text/plainer": respond(GOOD, "text/plainer"),
        "no type": respond(GOOD, None),
        "204": respond(b"", "text/plain", "204 No Content", length=None),
        "206": respond(GOOD, "text/plain", "206 Partial Content"),
        "301": respond(GOOD, "text/plain", "301 Moved", "Location: https://mta-sts.elsewhere.test/"),
        "404": respond(GOOD, "text/plain", "404 Not Found"),
        "503": respond(GOOD, "text/plain", "503 Later"),
    }
    | {
        f"lab: {name}": respond(scenario.text.body((MX,)), scenario.content_type)
        for name, scenario in POLICY_SCENARIOS.items()
        if scenario.status == 200 and scenario.certificate == "good" and "response" not in scenario.server
    }
)

# Patterns of a policy, and an MX host.
MATCHES: dict[str, tuple[str, str]] = {
    "the same": (MX, MX),
    "the same, other case": ("MX.example.ORG", MX),
    "a prefix": (MX, f"evil{MX}"),
    "a suffix": (MX, f"{MX}.evil.example"),
    "a dot for any letter": (MX, "mx-example.org"),
    "one label": ("*.example.org", MX),
    "two labels": ("*.example.org", "a.b.example.org"),
    "no label": ("*.example.org", "example.org"),
    "a longer label": ("*.example.org", "mx.evilexample.org"),
    "one A-label": ("*.example.org", "xn--bcher-kva.example.org"),
    "a name below a host": (MX, f"a.{MX}"),
    "a top-level domain": ("*.org", "example.org"),
}
