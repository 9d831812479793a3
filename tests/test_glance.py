"""A first look at many rows: what a lane does with it, and that its records are those made one by one."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pyarrow as pa
import pytest
import trio
from publicsuffixlist import PublicSuffixList
from trio.testing import MockClock

from crawler import lane
from crawler.engine import Interruption, StoppedError
from crawler.open_shard import rows_in_partials
from crawler.opt_out import OptOut
from crawler.pacing import Pacer
from crawler.probes.resolver import Resolver
from crawler.probes.turns import AddressTurns
from crawler.records import Domain, MxHost
from crawler.schema import record_maker, to_table
from crawler.settings import Settings
from crawler.stage import Glance, Observation, Row
from crawler.stages import glance_at_domains, resolve_domain
from crawler.storing.run_folder import RunFolder
from crawler.tools import Tools
from tests.probes.dns_peer import Question, resolver_with
from tests.test_engine import Counts, engine_for, host, hosts_in, observe_at_once, run_with, stage

SETTINGS = Settings(hello_name="scan.example", domains_in_flight=4)


# --- the lane ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_BATCH_ROWS", 4)


class Batches:
    """A stage that sees all rows but those that it leaves."""

    def __init__(self, is_left: Callable[[Row], bool]) -> None:
        self.is_left = is_left
        self.sizes: list[int] = []
        self.left: list[str] = []

    async def glance(self, rows: pa.Table, _tools: None) -> Glance:
        await trio.lowlevel.checkpoint()
        self.sizes.append(len(rows))
        listed: list[Row] = rows.to_pylist()
        seen = [host(row).records["mx_hosts"][0] for row in listed if not self.is_left(row)]
        return Glance(to_table(MxHost, seen), [row for row in listed if self.is_left(row)])

    async def observe(self, row: Row, _tools: None) -> Observation:
        self.left.append(row["mx_host"])
        return await observe_at_once(row, None)

    def run(
        self, run: RunFolder, counts: Counts, settings: Settings = SETTINGS, interruption: Any = None
    ) -> None:
        with engine_for(counts, interruption or Interruption()) as engine:
            engine.run(dataclasses.replace(stage(self.observe), glance=self.glance), run, settings)


@pytest.mark.parametrize(
    ("is_left", "left"),
    [(lambda _: False, 0), (lambda _: True, 45), (lambda row: row["failure"] is not None, 9)],
)
def test_every_row_is_recorded_once_seen_or_left(
    tmp_path: Path, is_left: Callable[[Row], bool], left: int
) -> None:
    run, counts, batches = run_with(tmp_path, rows=45, shard_size=10), Counts(), Batches(is_left)
    batches.run(run, counts)
    assert hosts_in(run) == sorted(f"mx{index}.example" for index in range(45))
    assert (counts.total, counts.done) == (45, 45)
    assert sum(batches.sizes) == 45
    assert max(batches.sizes) == 4
    assert len(batches.left) == left


def test_no_more_of_the_rows_left_are_taken_up_at_once_than_the_setting_says(tmp_path: Path) -> None:
    run, batches = run_with(tmp_path, rows=60, shard_size=10), Batches(lambda _: True)
    running, most = 0, 0

    async def observe(row: Row, _tools: None) -> Observation:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(0.001)
        running -= 1
        return host(row)

    with engine_for(Counts(), Interruption(), workers=1) as engine:
        engine.run(dataclasses.replace(stage(observe), glance=batches.glance), run, SETTINGS)
    assert most == SETTINGS.domains_in_flight
    assert len(hosts_in(run)) == 60


def test_what_was_seen_of_an_open_shard_is_kept_when_the_lane_is_stopped(tmp_path: Path) -> None:
    run, interruption = run_with(tmp_path, rows=20, shard_size=20), Interruption()
    batches = Batches(lambda row: row["mx_host"] == "mx7.example")

    async def never(_row: Row, _tools: None) -> NoReturn:
        await trio.sleep_forever()

    never_ending = dataclasses.replace(stage(never), glance=batches.glance)
    with (
        engine_for(Counts(on_advance=interruption.ask), interruption) as engine,
        pytest.raises(StoppedError),
    ):
        engine.run(never_ending, run, SETTINGS)
    assert sum(rows_in_partials(run, never_ending).values()) == 19
    again = Batches(lambda row: row["mx_host"] == "mx7.example")
    again.run(run, Counts())
    assert (again.sizes, again.left) == ([1], ["mx7.example"])
    assert hosts_in(run) == sorted(f"mx{index}.example" for index in range(20))


def test_an_error_in_a_first_look_names_where_the_batch_begins(tmp_path: Path) -> None:
    async def fail(rows: pa.Table, _tools: None) -> Glance:
        raise KeyError("no such thing")

    run = run_with(tmp_path, rows=4, shard_size=4)
    told = "^stage made_up, 4 rows from mx_host mx0.example: KeyError: 'no such thing'"
    with engine_for(Counts(), Interruption()) as engine, pytest.raises(StoppedError, match=told):
        engine.run(dataclasses.replace(stage(observe_at_once), glance=fail), run, SETTINGS)


# --- domains -------------------------------------------------------------------------------------------

SOA = "example. 60 IN SOA ns.example. hostmaster.example. 1 2 3 4 5"


def answer(question: Question) -> dns.message.Message | bytes | None:  # noqa: C901 (a table of cases)
    """Answer by the name: the case stands in its first label, or behind that of the TXT record."""
    name = question.message.question[0].name.to_text().rstrip(".")
    kind = name.removeprefix("_mta-sts.").removeprefix("_smtp._tls.").partition(".")[0]
    secure = dns.flags.AD if "secure" in kind else 0
    if name.startswith("_"):
        if kind == "tlsrpt" and name.startswith("_smtp"):
            return question.reply(f'{name}. 60 IN TXT "v=TLSRPTv1; rua=mailto:a@b.example"')
        if kind == "wildcard":
            return question.reply(f'{name}. 60 IN TXT "v=spf1 -all"')
        if kind == "failing-txt":
            return question.reply(rcode=dns.rcode.SERVFAIL)
        return denial(question, dns.rcode.NXDOMAIN if len(name) % 2 else dns.rcode.NOERROR, secure)
    match kind:
        case "nodata":
            return denial(question, dns.rcode.NOERROR, 0)
        case "nowhere" | "secure-nowhere":
            return denial(question, dns.rcode.NXDOMAIN, secure)
        case "null":
            return question.reply(f"{name}. 60 IN MX 0 .")
        case "null-with-others":
            return question.reply(f"{name}. 60 IN MX 0 .", f"{name}. 60 IN MX 5 mx.{name}.")
        case "odd":
            return question.reply(f"{name}. 60 IN MX 9 localhost.", f"{name}. 60 IN MX 9 192.0.2.1.")
        case "alias":
            return question.reply(f"{name}. 60 IN CNAME to.{name}.", f"to.{name}. 60 IN MX 5 mx.{name}.")
        case "failing":
            return question.reply(rcode=dns.rcode.SERVFAIL)
        case "silent":
            return None
        case "garbage":
            return question.message.to_wire()[:2] + b"\x81\x80\0\1\0\2\0\0\0\1" + b"\0" * 9
        case "cut":
            return question.reply(f"{name}. 60 IN MX 5 mx.{name}.").to_wire()[:-14]
        case "explained":
            reply = question.reply(f"{name}. 60 IN MX 5 mx.{name}.", flags=secure)
            reply.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode.STALE_ANSWER, "stale")])
            return reply
        case _:
            mx = (f"{name}. 60 IN MX {10 * (5 - n)} MX{n}.{name}." for n in range(1 + len(name) % 5))
            return question.reply(*mx, flags=secure)


def denial(question: Question, rcode: dns.rcode.Rcode, flags: int) -> dns.message.Message:
    reply = question.reply(rcode=rcode, flags=flags)
    owner, ttl, record_class, record_type, data = SOA.split(maxsplit=4)
    reply.authority.append(dns.rrset.from_text(owner, int(ttl), record_class, record_type, data))
    return reply


CASES = (
    *("plain", "second", "another", "secure", "nodata", "nowhere", "secure-nowhere", "null"),
    *("null-with-others", "odd", "alias", "failing", "silent", "garbage", "cut", "explained"),
    *("tlsrpt", "wildcard", "failing-txt", "out"),
)
TOO_LONG = ".".join(["a" * 60] * 4) + ".test"  # fits, but not with _smtp._tls before it


def tools(resolver: Resolver) -> Tools:
    return Tools(
        settings=SETTINGS,
        resolver=resolver,
        public_suffixes=PublicSuffixList(only_icann=True),
        opt_out=OptOut(["out.example"], []),
        pacer=Pacer(SETTINGS),
        policy_turns=AddressTurns(4),
    )


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.01)


@contextlib.asynccontextmanager
async def resolver() -> AsyncIterator[Resolver]:
    async with resolver_with(answer) as (opened, _):
        yield opened


def comparable(record: Domain) -> Domain:
    """Return a record without what differs from one time to the next."""

    def timeless(lookup: Any) -> Any:
        return None if lookup is None else dataclasses.replace(lookup, elapsed_seconds=0.0)

    return dataclasses.replace(
        record,
        mx=timeless(record.mx),
        sts_txt=timeless(record.sts_txt),
        tlsrpt_txt=timeless(record.tlsrpt_txt),
        resolved_at=datetime.fromtimestamp(0, UTC),
    )


async def test_domains_seen_together_have_the_records_of_those_looked_up_one_by_one(
    jumping_clock: MockClock,
) -> None:
    names = [*(f"{case}.example" for case in CASES), TOO_LONG]
    rows = [
        {"domain": name, "position": at, "rank": None if at % 3 else at, "shard": 0}
        for at, name in enumerate(names, 1)
    ]
    make = record_maker(Domain)
    alone, together = {}, {}
    async with resolver() as opened:
        for row in rows:
            (record,) = (await resolve_domain(row, tools(opened))).records["domains"]
            alone[record.domain] = comparable(record)
    async with resolver() as opened:
        seen = await glance_at_domains(pa.Table.from_pylist(rows), tools(opened))
        for left_row in seen.left:
            (record,) = (await resolve_domain(left_row, tools(opened))).records["domains"]
            together[record.domain] = comparable(record)
        assert not opened._asked
    left = [row["domain"].partition(".")[0] for row in seen.left]
    records = [make(row) for row in seen.records.to_pylist()]
    together |= {record.domain: comparable(record) for record in records}
    assert together == alone
    assert left == [
        *("alias", "failing", "silent", "garbage", "cut", "explained"),
        *("tlsrpt", "wildcard", "failing-txt", "out", TOO_LONG.partition(".")[0]),
    ]
    assert all(0 <= record.mx.elapsed_seconds < 1 for record in records)


async def test_a_first_look_at_nothing_that_can_be_seen_leaves_all(jumping_clock: MockClock) -> None:
    rows = [{"domain": "out.example", "position": 1, "rank": None, "shard": 0}]
    async with resolver() as opened:
        seen = await glance_at_domains(pa.Table.from_pylist(rows), tools(opened))
    assert len(seen.records) == 0
    assert [row["domain"] for row in seen.left] == ["out.example"]
