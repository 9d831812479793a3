"""The opt-out file is honoured at every stage, and leaves rows that can be counted."""

import contextlib
import dataclasses
import errno
import io
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from publicsuffixlist import PublicSuffixList
from rich.console import Console
from trio.testing import MockClock

from crawler.check import check, to_json
from crawler.explain import explain
from crawler.opt_out import OptOut, OptOutError
from crawler.outcomes import DnssecStatus, Failure, FetchStage, LookupStatus, MxKind, SessionStage
from crawler.pacing import Pacer
from crawler.probes.turns import AddressTurns
from crawler.records import (
    AddressLookup,
    CnameStep,
    Domain,
    MxHost,
    MxLookup,
    MxRecord,
    Session,
    StsPolicy,
    TlsaLookup,
    TxtLookup,
)
from crawler.session_stages import probe_endpoint
from crawler.settings import Settings
from crawler.stages import resolve_domain, resolve_host
from crawler.tools import Tools

SETTINGS = Settings(hello_name="scan.test", resolver="127.0.0.1:53", allowed_ranges=("127.0.0.0/8",))
OPT_OUT = OptOut(["out.test"], [ip_network("127.9.0.0/16")])
STATUS = {"status": LookupStatus.NOERROR, "dnssec_status": DnssecStatus.SECURE}


@dataclass
class FakeResolver:
    """Answers every name alike, by way of aliases, and notes what it was asked."""

    aliases: tuple[str, ...] = ()
    questions: list[str] = field(default_factory=list)
    back_at: float = float("-inf")

    def ask(self, question: str) -> dict[str, Any]:
        self.questions.append(question)
        chain = tuple(CnameStep(target=name, dnssec_status=DnssecStatus.SECURE) for name in self.aliases)
        return STATUS | {"cname_chain": chain}

    async def mx(self, name: str) -> MxLookup:
        return MxLookup(**self.ask(f"mx {name}"), records=(MxRecord(preference=0, exchange="mx.test.test"),))

    async def a(self, name: str) -> AddressLookup:
        return AddressLookup(**self.ask(f"a {name}"), addresses=("127.9.0.1",))

    async def aaaa(self, name: str) -> AddressLookup:
        return AddressLookup(**self.ask(f"aaaa {name}"))

    async def txt(self, name: str) -> TxtLookup:
        return TxtLookup(**self.ask(f"txt {name}"), texts=("v=STSv1; id=1;",))

    async def tlsa(self, name: str, port: int) -> TlsaLookup:
        return TlsaLookup(**self.ask(f"tlsa {name}"))


def tools(resolver: FakeResolver, opt_out: OptOut = OPT_OUT) -> Tools:
    held: Any = resolver
    return Tools(
        settings=SETTINGS,
        resolver=held,
        public_suffixes=PublicSuffixList(only_icann=True),
        opt_out=opt_out,
        pacer=Pacer(SETTINGS),
        policy_turns=AddressTurns(4),
    )


async def resolve(domain: str, resolver: FakeResolver) -> tuple[Domain, list[StsPolicy]]:
    row = {"domain": domain, "position": 3, "rank": 7}
    observation = await resolve_domain(row, tools(resolver))
    (observed,) = observation.records["domains"]
    return observed, list(observation.records.get("sts_policies", ()))


@pytest.mark.parametrize("name", ["out.test", "a.b.out.test"])
async def test_a_listed_domain_that_opted_out_has_a_row_and_no_question(name: str) -> None:
    resolver = FakeResolver()
    domain, policies = await resolve(name, resolver)
    assert (resolver.questions, policies) == ([], [])
    assert (domain.domain, domain.position, domain.rank) == (name, 3, 7)
    assert domain.mx_kind is MxKind.OPTED_OUT
    nothing = MxLookup(status=LookupStatus.OPTED_OUT, dnssec_status=DnssecStatus.NOT_ATTEMPTED, attempts=0)
    assert domain.mx == nothing
    assert (domain.sts_txt, domain.tlsrpt_txt) == (None, None)


async def test_what_an_opted_out_domain_publishes_is_not_kept_under_an_aliass_name() -> None:
    resolver = FakeResolver(aliases=("www.test", "out.test"))
    domain, policies = await resolve("alias.test", resolver)
    assert (resolver.questions, policies) == (["mx alias.test"], [])
    assert domain.mx_kind is MxKind.OPTED_OUT
    assert (domain.mx.status, domain.mx.records) == (LookupStatus.OPTED_OUT, ())
    assert [step.target for step in domain.mx.cname_chain] == ["www.test", "out.test"]


async def test_a_policy_host_whose_only_address_opted_out_has_a_row_and_no_connection(
    contacted: list[str],
) -> None:
    resolver = FakeResolver()
    domain, (policy,) = await resolve("listed.test", resolver)
    assert domain.mx_kind is MxKind.EXPLICIT
    assert (policy.stage, policy.failure) == (FetchStage.ADDRESS, Failure.OPTED_OUT)
    assert (policy.a.addresses, policy.address, policy.tls) == (("127.9.0.1",), None, None)
    assert resolver.questions[-2:] == ["a mta-sts.listed.test", "aaaa mta-sts.listed.test"]
    assert contacted == []


async def resolved_host(row: dict[str, Any], resolver: FakeResolver) -> MxHost:
    observation = await resolve_host(row, tools(resolver))
    (host,) = observation.records["mx_hosts"]
    assert isinstance(host, MxHost)
    return host


def not_asked(status: LookupStatus) -> AddressLookup:
    return AddressLookup(status=status, dnssec_status=DnssecStatus.NOT_ATTEMPTED, attempts=0)


@pytest.mark.parametrize("withheld", [None, "over_limit"])
async def test_an_mx_host_that_opted_out_has_a_row_and_no_question(withheld: str | None) -> None:
    resolver = FakeResolver()
    host = await resolved_host({"mx_host": "mx.out.test", "withheld": withheld}, resolver)
    assert resolver.questions == []
    assert host.a == host.aaaa == not_asked(LookupStatus.OPTED_OUT)
    assert host.provider == "out.test"


async def test_an_mx_host_beyond_the_limit_has_a_row_and_no_question() -> None:
    resolver = FakeResolver()
    host = await resolved_host({"mx_host": "mx.in.test", "withheld": "over_limit"}, resolver)
    assert resolver.questions == []
    assert host.a == host.aaaa == not_asked(LookupStatus.OVER_LIMIT)


async def test_no_address_is_kept_of_an_alias_of_an_mx_host_that_opted_out() -> None:
    resolver = FakeResolver(aliases=("mx.out.test",))
    host = await resolved_host({"mx_host": "mx.in.test"}, resolver)
    assert resolver.questions == ["a mx.in.test"]
    assert (host.a.status, host.a.dnssec_status) == (LookupStatus.OPTED_OUT, DnssecStatus.NOT_ATTEMPTED)
    assert (host.a.addresses, [step.target for step in host.a.cname_chain]) == ((), ["mx.out.test"])
    assert host.aaaa == not_asked(LookupStatus.OPTED_OUT)


async def test_an_address_that_opted_out_is_kept_for_the_probe_to_count() -> None:
    host = await resolved_host({"mx_host": "mx.in.test"}, FakeResolver())
    assert host.a.addresses == ("127.9.0.1",)


@pytest.fixture
def contacted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where TCP connections were opened to: each is refused."""
    contacted: list[str] = []

    async def refuse(_family: int, address: str, port: int) -> None:
        contacted.append(f"{address}:{port}")
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no")

    monkeypatch.setattr("crawler.probes.reach.connect_tcp", refuse)
    return contacted


def endpoint(mx_host: str, address: str, withheld: str | None = None) -> dict[str, Any]:
    """Return a row of the probe's work list."""
    return {
        "mx_host": mx_host,
        "address": address,
        "expanded": None,
        "network": "127.0.0.0/24",
        "pacing_group": "x",
        "attempt": 1,
        "withheld": withheld,
        "not_before": None,
    }


@pytest.mark.parametrize("withheld", [None, "sampled", "session_cap"])
@pytest.mark.parametrize(
    ("mx_host", "address"), [("mx.out.test", "127.1.0.1"), ("mx.in.test", "127.9.255.1")]
)
async def test_an_endpoint_that_opted_out_has_a_row_no_question_and_no_session(
    autojump_clock: MockClock, contacted: list[str], mx_host: str, address: str, withheld: str | None
) -> None:
    resolver = FakeResolver()
    observation = await probe_endpoint(endpoint(mx_host, address, withheld), tools(resolver))
    (session,) = observation.records["sessions"]
    assert isinstance(session, Session)
    assert (session.stage, session.failure) == (SessionStage.NOT_ATTEMPTED, Failure.OPTED_OUT)
    assert (session.mx_host, session.address, session.attempt) == (mx_host, address, 1)
    assert (session.tlsa, resolver.questions, contacted) == (None, [], [])


async def test_no_stage_contacts_a_special_purpose_address(
    autojump_clock: MockClock, contacted: list[str]
) -> None:
    def held(*ranges: str) -> Tools:
        named = dataclasses.replace(SETTINGS, allowed_ranges=ranges)
        return dataclasses.replace(tools(FakeResolver(), OptOut()), settings=named)

    async def survey(held: Tools) -> None:
        await resolve_domain({"domain": "listed.test", "position": 1, "rank": None}, held)
        await resolve_host({"mx_host": "mx.listed.test", "withheld": None}, held)
        await probe_endpoint(endpoint("mx.listed.test", "127.9.0.1"), held)

    await survey(held())
    await survey(held("127.8.0.0/16", "::ffff:127.9.0.0/112", "2002:7f09::/32"))
    assert contacted == []
    await survey(held("127.9.0.0/16"))
    assert contacted == ["127.9.0.1:443", "127.9.0.1:25"]


# --- check ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def deaf_resolver() -> Iterator[tuple[str, socket.socket]]:
    """Give the address of a resolver that never answers, and its socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        yield f"127.0.0.1:{listening.getsockname()[1]}", listening


def test_a_check_of_a_domain_that_opted_out_says_so_and_asks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "opt-out.txt"
    path.write_text("out.test  # by mail\n")
    with deaf_resolver() as (address, listening):
        settings = Settings(hello_name="scan.test", resolver=address, opt_out=str(path))
        (checked,) = check(["a.out.test"], settings)
        with pytest.raises(BlockingIOError):
            listening.recv(1)
    assert checked.hosts == ()
    written = io.StringIO()
    Console(file=written, width=200).print(explain(checked))
    assert written.getvalue() == (
        "a.out.test: not asked: the operator's opt-out file names the domain, or what it is an alias of\n"
    )
    assert '"opted_out"' in to_json(checked)


def test_a_bad_opt_out_file_ends_a_check_before_anything_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "opt-out.txt"
    path.write_text("out.test\n*.out.test\n")
    with deaf_resolver() as (address, listening):
        settings = Settings(hello_name="scan.test", resolver=address, opt_out=str(path))
        with pytest.raises(OptOutError, match=r"opt-out\.txt:2: "):
            check(["in.test"], settings)
        with pytest.raises(BlockingIOError):
            listening.recv(1)
