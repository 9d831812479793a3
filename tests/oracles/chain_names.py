"""Good chains but for the names in the server's certificate, and the host that they are judged under."""

from collections.abc import Iterator

from tests.oracles.chain_world import HOST, Chain, World
from tests.oracles.crafting import alternative_names, craft, der, dns, ip, oid, uri

_NO_KIND = "1.3.6.1.4.1.55555.2"


def ordinary_names(w: World) -> Iterator[tuple[str, Chain]]:
    """Yield chains whose names are hosts, wildcards and common names."""
    org = "example.org"
    yield "other name", w.named(dns(f"other.{org}"))
    yield "name of the domain", w.named(dns(org))
    yield "name below the host", w.named(dns(f"a.{HOST}"))
    yield "name with a prefix", w.named(dns(f"evil{HOST}"))
    yield "upper case presented", w.named(dns(HOST.upper()))
    yield "upper case asked for", w.named(dns(HOST), host=HOST.upper())
    yield "last of three names", w.named(dns("a"), dns("b"), dns(HOST))
    yield "1,000 names", w.named(*(dns(f"host{number}.{org}") for number in range(999)), dns(HOST))
    yield "1,000 other names", w.named(*(dns(f"host{number}.{org}") for number in range(1000)))
    yield "wildcard, one label", w.named(dns(f"*.{org}"))
    yield "wildcard, two labels", w.named(dns(f"*.{org}"), host=f"a.b.{org}")
    yield "wildcard, no label", w.named(dns(f"*.{org}"), host=org)
    yield "wildcard, A-label", w.named(dns(f"*.{org}"), host=f"xn--bcher-kva.{org}")
    yield "wildcard above a top-level domain", w.named(dns("*.org"), host=org)
    yield "wildcard alone", w.named(dns("*"), host="localhost")
    yield "wildcard alone, three labels", w.named(dns("*"))
    yield "wildcard and a dot", w.named(dns("*."), host="localhost")
    yield "wildcard behind a letter", w.named(dns(f"m*.{org}"))
    yield "wildcard before a letter", w.named(dns(f"*x.{org}"))
    yield "wildcard between letters", w.named(dns(f"m*x.{org}"))
    yield "wildcard in an A-label", w.named(dns(f"xn--*.{org}"), host=f"xn--bcher-kva.{org}")
    yield "wildcard for the second label", w.named(dns("mx.*.org"))
    yield "two wildcards", w.named(dns(f"*.*.{org}"), host=f"a.b.{org}")
    yield "wildcard asked for", w.named(dns(f"*.{org}"), host=f"*.{org}")
    yield "common name only", w.named(subject=HOST)
    yield "common name beside another name", w.named(dns(f"other.{org}"), subject=HOST)
    yield "common name beside an address", w.named(ip(b"\xc0\x00\x02\x01"), subject=HOST)
    yield "common name beside an e-mail address", w.named(der(0x81, b"a@example.org"), subject=HOST)
    yield "common name with a wildcard only", w.named(subject=f"*.{org}")


def odd_names(w: World) -> Iterator[tuple[str, Chain]]:
    """Yield chains whose names are of other scripts, kinds and syntax."""
    org = "example.org"
    yield "A-label", w.named(dns("xn--bcher-kva.example"), host="xn--bcher-kva.example")
    yield "A-label in upper case", w.named(dns("XN--BCHER-KVA.example"), host="xn--bcher-kva.example")
    yield "UTF-8 for an A-label", w.named(dns("bücher.example"), host="xn--bcher-kva.example")
    yield "UTF-8 for UTF-8", w.named(dns("bücher.example"), host="bücher.example")
    yield "Latin-1", w.named(dns(b"b\xfccher.example"), host="xn--bcher-kva.example")
    yield "final dot presented", w.named(dns(f"{HOST}."))
    yield "final dot asked for", w.named(dns(HOST), host=f"{HOST}.")
    yield "final dot in both", w.named(dns(f"{HOST}."), host=f"{HOST}.")
    yield "leading dot presented", w.named(dns(f".{org}"))
    yield "underscore", w.named(dns(f"mx_1.{org}"), host=f"mx_1.{org}")
    yield "underscore below a wildcard", w.named(dns(f"*.{org}"), host=f"mx_1.{org}")
    yield "label that begins with a hyphen", w.named(dns(f"-mx.{org}"), host=f"-mx.{org}")
    yield "label that ends in a hyphen", w.named(dns(f"mx-.{org}"), host=f"mx-.{org}")
    yield "last label of digits", w.named(dns("mx.25"), host="mx.25")
    yield "NUL inside", w.named(dns(f"{HOST}\0.evil.example"))
    yield "NUL at the end", w.named(dns(f"{HOST}\0"))
    yield "blank at the end", w.named(dns(f"{HOST} "))
    yield "empty name", w.named(dns(""))
    yield "odd URI beside", w.named(uri("http://[::1:%zz"), dns(HOST))
    yield "URI only", w.named(uri(f"smtp://{HOST}:25"))
    yield "address beside", w.named(ip(b"\xc0\x00\x02\x01"), dns(HOST))
    yield "address of five octets beside", w.named(ip(b"\xc0\x00\x02\x01\x05"), dns(HOST))
    yield "address written as a name", w.named(dns("192.0.2.1"), host="192.0.2.1")
    yield "unknown kind of name beside", w.named(der(0xA9, der(0x0C, b"x")), dns(HOST))
    yield "kind of name reserved for others beside", w.named(der(0xA0, oid(_NO_KIND)), dns(HOST))
    none = craft("x", w.intermediate, more=[alternative_names()])
    yield "alternative names without one", w.chain(none, w.intermediate)
    no_subject = craft("", w.intermediate, names=[dns(HOST)])
    yield "empty subject, names not critical", w.chain(no_subject, w.intermediate)
    yield "no name at all", w.named(subject="")
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    yield "longest name", w.named(dns(longest), host=longest)
