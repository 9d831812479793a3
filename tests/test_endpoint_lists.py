"""Which endpoints are asked, in which order, and which are withheld."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from crawler.endpoint_lists import list_endpoints, list_remainder, list_retries, list_unsettled
from crawler.outcomes import AlertSide, DnssecStatus, Failure, SessionStage
from crawler.records import Alert, CnameStep, MxHost, Session
from crawler.settings import Settings
from crawler.stage import QUEUES, Row, shard_sizes, work_list
from crawler.storing.run_folder import RunFolder
from tests.session_rows import ENCRYPTED, NOW, host, session

Seen = dict[str, Any]
"""What was seen of an MX host: columns of its session."""
SETTINGS = Settings(hello_name="scan.example", shard_size=3, sample_size=3)
AT = "192.0.2.1"
LISTS = {
    "probe": list_endpoints,
    "remainder": list_remainder,
    "retry": list_retries,
    "settle": list_unsettled,
}
REFUSED: Seen = {"stage": SessionStage.CONNECT, "failure": Failure.REFUSED}
TIMEOUT: Seen = {"stage": SessionStage.GREETING, "failure": Failure.TIMEOUT}
BACKED_OFF: Seen = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure.BACKED_OFF}
OPTED_OUT: Seen = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure.OPTED_OUT}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    folder.write_manifest({"run_id": "1"})
    return folder


def customers(count: int, *addresses: str, provider: str = "big.example") -> list[MxHost]:
    return [host(f"c{n}.{provider}", *(addresses or (AT,)), provider=provider) for n in range(count)]


def listed(run: RunFolder, stage: str, settings: Settings = SETTINGS) -> list[Row]:
    """Make a work list, and return its rows."""
    LISTS[stage](run, settings)
    return rows_of(run, stage)


def rows_of(run: RunFolder, stage: str) -> list[Row]:
    rows: list[Row] = pq.read_table(work_list(run, stage)).to_pylist()
    return rows


def probed(run: RunFolder, hosts: Iterable[MxHost], settings: Settings = SETTINGS) -> list[Row]:
    run.write_part("mx_hosts", 0, list(hosts))
    return listed(run, "probe", settings)


def observe(run: RunFolder, stage: str, seen: dict[str, Seen] | None = None) -> None:
    """Write a session for each row of a work list: what was seen of its MX host, else one with STARTTLS."""
    rows = rows_of(run, stage)
    sessions = [_observed(row, (seen or {}).get(row["mx_host"], ENCRYPTED)) for row in rows]
    run.write_part("sessions", list(LISTS).index(stage), sessions)


def _observed(row: Row, seen: Seen) -> Session:
    if row["withheld"]:
        seen = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure[row["withheld"].upper()]}
    return session(row["mx_host"], row["address"], **{**seen, "attempt": row["attempt"]})


def names(rows: Iterable[Row]) -> set[str]:
    return {row["mx_host"] for row in rows}


def withheld(rows: Iterable[Row]) -> Counter[str | None]:
    return Counter(row["withheld"] for row in rows)


# --- probe ---------------------------------------------------------------------------------------------


def test_an_endpoint_knows_what_its_name_is_an_alias_of_in_its_family(run: RunFolder) -> None:
    steps = [CnameStep(target=name, dnssec_status=DnssecStatus.SECURE) for name in ("b.test", "c.test")]
    own = host("a.test", "192.0.2.1", "2001:db8::1")
    rows = probed(run, [replace(own, a=replace(own.a, cname_chain=tuple(steps)))])
    assert {row["address"]: row["expanded"] for row in rows} == {"192.0.2.1": "c.test", "2001:db8::1": None}


def test_every_pair_of_host_and_address_is_asked_once(run: RunFolder) -> None:
    one = host("one.example", "192.0.2.3", "2001:db8:1:2::1", provider="one.example")
    run.write_part("mx_hosts", 1, [one])
    rows = probed(
        run, [*customers(5, "192.0.2.1", "192.0.2.2"), host("none.example")], replace(SETTINGS, sample_size=0)
    )
    pairs = [(row["mx_host"], row["address"]) for row in rows]
    assert len(pairs) == len(set(pairs)) == 12
    assert all((row["attempt"], row["withheld"], row["not_before"]) == (1, None, None) for row in rows)
    assert {row["network"] for row in rows if row["mx_host"] == "one.example"} == {
        "192.0.2.0/24",
        "2001:db8:1::/48",
    }


def test_a_network_is_of_the_provider_that_most_of_its_names_belong_to(run: RunFolder) -> None:
    many = [host(f"m{n}.example", f"192.0.2.{n}", provider="many.example") for n in range(3)]
    few = [host(f"f{n}.example", "192.0.2.9", "192.0.2.10", provider="few.example") for n in range(2)]
    rows = probed(run, [*many, *few, host("other.example", "198.51.100.1", provider="few.example")])
    groups = {row["network"]: row["pacing_group"] for row in rows}
    assert groups == {"192.0.2.0/24": "many.example", "198.51.100.0/24": "few.example"}
    assert {row["provider"] for row in rows} == {"many.example", "few.example"}


def test_a_pacing_group_is_in_one_queue_and_the_largest_groups_are_in_different_ones(run: RunFolder) -> None:
    hosts = [
        host(f"h{n}.p{p}.example", f"10.{p}.0.1", provider=f"p{p}.example")
        for p in range(100)
        for n in range(1 + p)
    ]
    rows = probed(run, hosts, replace(SETTINGS, sample_size=0))
    queues = defaultdict(set)
    for row in rows:
        queues[row["pacing_group"]].add(row["shard"] % QUEUES)
    assert all(len(found) == 1 for found in queues.values())
    largest = {f"p{p}.example" for p in range(100 - QUEUES, 100)}
    assert len({min(queues[group]) for group in largest}) == QUEUES
    assert max(shard_sizes(run, "probe").values()) == SETTINGS.shard_size


def test_the_order_of_work_depends_on_the_seed_alone(run: RunFolder) -> None:
    hosts = [host(f"mx{n}.example", f"10.0.{n}.1", provider="one.example") for n in range(20)]
    orders = [
        [row["mx_host"] for row in probed(run, hosts, replace(SETTINGS, seed=seed))] for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_of_many_names_of_one_provider_at_one_address_a_sample_is_asked(run: RunFolder) -> None:
    hosts = [
        *customers(10),
        *customers(4, "192.0.2.2"),
        *customers(3, "192.0.2.3", provider="small.example"),
        *customers(3, AT, provider="beside.example"),
    ]
    # The same names at two addresses are two samples.
    hosts = [replace(h, mx_host=f"{n}.{h.mx_host}") for n, h in enumerate(hosts)]
    rows = probed(run, hosts)
    assert Counter((row["provider"], row["address"]) for row in rows) == {
        ("big.example", AT): 3,
        ("big.example", "192.0.2.2"): 3,
        ("small.example", "192.0.2.3"): 3,
        ("beside.example", AT): 3,
    }


def test_another_seed_draws_another_sample(run: RunFolder) -> None:
    draws = [names(probed(run, customers(40), replace(SETTINGS, seed=seed))) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_beyond_the_caps_of_address_and_provider_endpoints_are_withheld(run: RunFolder) -> None:
    hosts = [h for n in range(3) for h in customers(4, f"192.0.{n}.1", provider=f"p{n}.example")]
    hosts = [replace(h, provider="big.example") for h in hosts]
    capped = replace(SETTINGS, sample_size=0, address_cap=3, provider_cap=7)
    rows = probed(run, hosts, capped)
    asked = Counter(row["address"] for row in rows if row["withheld"] is None)
    assert withheld(rows) == {None: 7, "session_cap": 5}
    assert max(asked.values()) == 3


def test_names_that_a_sample_stands_for_do_not_count_against_a_cap(run: RunFolder) -> None:
    rows = probed(run, customers(50), replace(SETTINGS, address_cap=3, provider_cap=3))
    assert withheld(rows) == {None: 3}


# --- remainder -----------------------------------------------------------------------------------------


def remaining(run: RunFolder, hosts: list[MxHost], *odd: Seen, settings: Settings = SETTINGS) -> list[Row]:
    """Have the sample see what is given, each name in turn, the rest STARTTLS; return the remainder."""
    sample = sorted(names(probed(run, hosts, settings)))
    observe(run, "probe", dict(zip(sample, odd, strict=False)))
    return listed(run, "remainder", settings)


def test_what_is_not_in_a_sample_that_agrees_is_withheld(run: RunFolder) -> None:
    rows = remaining(run, customers(10))
    assert withheld(rows) == {"sampled": 7}
    assert names(rows).isdisjoint(names(listed(run, "probe")))
    assert {(row["attempt"], row["network"], row["pacing_group"]) for row in rows} == {
        (1, "192.0.2.0/24", "big.example")
    }


TLS = ENCRYPTED["tls"]
DIFFERENCES: list[Seen] = [
    {"stage": SessionStage.HANDSHAKE},
    {"failure": Failure.MALFORMED_REPLY},
    {"greeting": replace(ENCRYPTED["greeting"], code=554)},
    {"greeting_masked": True},
    {"hello_command": "HELO"},
    {"hello_code": 251},
    {"starttls_offered": False},
    {"starttls_overwritten": True},
    {"starttls_reply": replace(ENCRYPTED["starttls_reply"], code=221)},
    {"starttls_reply": None},
    {"plaintext_after_220": 1},
    {"tls": replace(TLS, version="TLSv1.2")},
    {"tls": replace(TLS, cipher_suite="CHACHA")},
    {"tls": replace(TLS, group=None)},
    {"tls": replace(TLS, chain=("bb", "aa"))},
    {"tls": replace(TLS, alert=Alert(side=AlertSide.SERVER, code=40, name="handshake_failure"))},
    {"tls": None},
    {"hello_tls_code": 500},
    {"ehlo_keywords": ("STARTTLS", "SIZE 1000", "DSN")},
    {"ehlo_keywords_tls": None},
]


def test_a_sample_that_differs_in_any_fact_does_not_agree(run: RunFolder) -> None:
    hosts = [h for n in range(len(DIFFERENCES)) for h in customers(5, provider=f"p{n}.example")]
    sample = names(probed(run, hosts))
    odd = {
        min(name for name in sample if name.endswith(f".p{n}.example")): ENCRYPTED | difference
        for n, difference in enumerate(DIFFERENCES)
    }
    observe(run, "probe", odd)
    rows = listed(run, "remainder")
    assert [row["provider"] for row in rows if row["withheld"]] == []
    assert len(rows) == 2 * len(DIFFERENCES)


def test_texts_times_parameters_and_the_order_of_keywords_are_no_difference(run: RunFolder) -> None:
    difference = {
        "greeting": replace(ENCRYPTED["greeting"], lines=("another",)),
        "ehlo_keywords": ("size 9", "starttls"),
        "ehlo_keywords_tls": ("AUTH LOGIN", "SIZE 7"),
        "started_at": NOW + timedelta(hours=1),
        "quit_code": None,
        "total_seconds": 9.0,
    }
    assert withheld(remaining(run, customers(10), ENCRYPTED | difference)) == {"sampled": 7}


@pytest.mark.parametrize("count", [1, 2])
def test_sessions_that_failed_for_now_say_nothing_of_the_others(run: RunFolder, count: int) -> None:
    failed: list[Seen] = [
        TIMEOUT,
        {"stage": SessionStage.GREETING, "failure": Failure.SERVICE_CLOSING, "pushed_back": True},
    ]
    assert withheld(remaining(run, customers(10), *failed[:count])) == {"sampled": 7}


def test_where_all_failed_for_now_they_agree_if_they_failed_alike(run: RunFolder) -> None:
    assert withheld(remaining(run, customers(10), TIMEOUT, TIMEOUT, TIMEOUT)) == {"sampled": 7}
    assert withheld(
        remaining(run, customers(10), TIMEOUT, TIMEOUT, TIMEOUT | {"failure": Failure.RESET})
    ) == {None: 7}


def test_where_the_sample_was_pushed_back_the_rest_waits_for_the_second_attempt(run: RunFolder) -> None:
    assert withheld(remaining(run, customers(10), *[BACKED_OFF] * 3)) == {"sampled": 7}
    assert withheld(remaining(run, customers(10), *[BACKED_OFF] * 2)) == {"sampled": 7}


def test_an_opted_out_sample_stands_for_nobody(run: RunFolder) -> None:
    assert withheld(remaining(run, customers(10), *[OPTED_OUT] * 3)) == {None: 7}


def test_the_caps_count_what_the_probe_stage_asked(run: RunFolder) -> None:
    capped = replace(SETTINGS, address_cap=5)
    rows = remaining(run, customers(10), ENCRYPTED | {"hello_code": 251}, settings=capped)
    assert withheld(rows) == {None: 2, "session_cap": 5}
    capped = replace(SETTINGS, provider_cap=4)
    rows = remaining(run, customers(10), ENCRYPTED | {"hello_code": 251}, settings=capped)
    assert withheld(rows) == {None: 1, "session_cap": 6}


def test_samples_are_judged_each_by_itself(run: RunFolder) -> None:
    hosts = [
        *customers(5),
        *customers(6, provider="else.example"),
        *customers(7, "192.0.2.2", provider="far.example"),
    ]
    seen = {f"c{n}.else.example": ENCRYPTED | {"hello_code": 250 + n} for n in range(6)}
    probed(run, hosts)
    observe(run, "probe", seen)
    found = Counter((row["provider"], row["withheld"]) for row in listed(run, "remainder"))
    assert found == {("big.example", "sampled"): 2, ("else.example", None): 3, ("far.example", "sampled"): 4}


# --- retry and settle ----------------------------------------------------------------------------------


def retried(run: RunFolder, seen: dict[str, Seen], **changed: Any) -> dict[str, Row]:
    """Have each host seen so, and return the rows of second attempts by MX host."""
    probed(run, [host(name, f"192.0.2.{n}") for n, name in enumerate(seen)])
    observe(run, "probe", seen)
    listed(run, "remainder")
    return {row["mx_host"]: row for row in listed(run, "retry", replace(SETTINGS, **changed))}


def test_what_failed_for_now_is_asked_again_after_the_delay(run: RunFolder) -> None:
    seen = {failure.value: {"stage": SessionStage.HELLO, "failure": failure} for failure in Failure}
    rows = retried(run, seen, retry_delay_seconds=90.5)
    assert set(rows) == {
        *("backed_off", "timeout", "reset", "closed"),
        *("service_closing", "temporary_reply", "local_error"),
    }
    for row in rows.values():
        assert (row["attempt"], row["withheld"], row["network"]) == (2, None, "192.0.2.0/24")
        assert row["not_before"] == NOW + timedelta(seconds=90.5)


def test_a_refusal_that_was_about_us_is_asked_again_and_a_handshake_is_final(run: RunFolder) -> None:
    refused: Seen = {"stage": SessionStage.GREETING, "failure": Failure.PERMANENT_REPLY}
    seen: dict[str, Seen] = {
        "refused": refused | {"pushed_back": False},
        "sent-away": refused | {"pushed_back": True},
        "no-starttls": {"stage": SessionStage.HELLO, "pushed_back": True},
        "slow-inside-tls": {"stage": SessionStage.HELLO_TLS, "failure": Failure.TIMEOUT},
        "sent-away-inside-tls": refused | {"stage": SessionStage.HELLO_TLS, "pushed_back": True},
        "opted-out": OPTED_OUT,
    }
    assert set(retried(run, seen)) == {"sent-away"}


@pytest.mark.parametrize(
    ("minutes", "is_asked_again"), [((-2, 1), True), ((-3, -2), False), ((1, 2), False), ((0, 0), True)]
)
def test_a_refused_connection_is_worth_a_second_attempt_if_it_was_this_network_that_was_out(
    run: RunFolder, minutes: tuple[int, int], is_asked_again: bool
) -> None:
    begun, ended = (NOW + timedelta(minutes=minute) for minute in minutes)
    checks = [(begun, True), (begun, False), (ended, True)]
    entries = [{"checked_at": time.isoformat(), "is_well": is_well} for time, is_well in checks]
    run.write_manifest({"run_id": "1", "control_checks": entries})
    rows = retried(
        run, {"c0.big.example": REFUSED, "c1.big.example": {**REFUSED, "stage": SessionStage.GREETING}}
    )
    assert set(rows) == ({"c0.big.example"} if is_asked_again else set())


def test_second_attempts_of_a_queue_are_in_the_order_in_which_they_are_due(run: RunFolder) -> None:
    hosts = [host(f"mx{n}.example", f"192.0.2.{n}") for n in range(9)]
    probed(run, hosts)
    due = {f"mx{n}.example": TIMEOUT | {"started_at": NOW + timedelta(seconds=n * 7 % 9)} for n in range(9)}
    observe(run, "probe", due)
    listed(run, "remainder")
    times = [row["not_before"] for row in listed(run, "retry")]
    assert len(times) == 9
    assert times == sorted(times)


def test_names_left_to_a_sample_that_agrees_no_more_are_asked(run: RunFolder) -> None:
    rows = remaining(run, customers(10), TIMEOUT)
    observe(run, "remainder")
    (again,) = names(listed(run, "retry"))
    observe(run, "retry", {again: ENCRYPTED | {"hello_code": 251}})
    settled = listed(run, "settle", replace(SETTINGS, address_cap=8))
    assert names(settled) == names(rows)
    assert {row["attempt"] for row in settled} == {2}
    assert withheld(settled) == {None: 5, "session_cap": 2}


@pytest.mark.parametrize("second", [ENCRYPTED, TIMEOUT, BACKED_OFF])
def test_a_second_attempt_that_agrees_or_fails_again_settles_nothing(run: RunFolder, second: Seen) -> None:
    remaining(run, customers(10), TIMEOUT)
    observe(run, "remainder")
    observe_all = dict.fromkeys(names(listed(run, "retry")), second)
    observe(run, "retry", observe_all)
    assert listed(run, "settle") == []


def test_a_sample_that_was_never_asked_settles_nothing(run: RunFolder) -> None:
    remaining(run, customers(10), *[BACKED_OFF] * 3)
    observe(run, "remainder")
    observe(run, "retry", dict.fromkeys(names(listed(run, "retry")), BACKED_OFF))
    assert listed(run, "settle") == []


# --- all of them ---------------------------------------------------------------------------------------


def test_the_shards_of_each_stage_begin_above_those_of_all_stages_before(run: RunFolder) -> None:
    hosts = [h for n in range(70) for h in customers(5, f"10.{n}.0.1", provider=f"p{n}.example")]
    sample = names(probed(run, hosts))
    observe(run, "probe", dict.fromkeys(sample, TIMEOUT))
    for stage in ("remainder", "retry", "settle"):
        listed(run, stage)
        if stage == "retry":
            one_of_each = {f"p{n}.example": f"c{n}" for n in range(70)}
            odd = {min(n for n in sample if n.endswith(f".{p}")) for p in one_of_each}
            observe(run, stage, dict.fromkeys(odd, ENCRYPTED | {"hello_code": 251}))
        else:
            observe(run, stage)
    shards = {stage: shard_sizes(run, stage) for stage in LISTS}
    assert all(shards.values())
    for before, after in zip(LISTS, list(LISTS)[1:], strict=False):
        first = (max(shards[before]) // QUEUES + 1) * QUEUES
        assert first <= min(shards[after]) < first + QUEUES


HOSTS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sets(st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1"]))
    ),
    max_size=30,
)


@effort(max_examples=10, deadline=None)
@given(drawn=HOSTS, sample_size=st.integers(0, 4), cap=st.integers(1, 9), odd=st.sets(st.integers(0, 29)))
def test_every_endpoint_is_in_exactly_one_list_of_first_attempts(
    drawn: list[tuple[int, set[str]]], sample_size: int, cap: int, odd: set[int]
) -> None:
    hosts = [
        host(f"h{n}.example", *addresses, provider=f"p{p}.example") for n, (p, addresses) in enumerate(drawn)
    ]
    settings = replace(SETTINGS, sample_size=sample_size, address_cap=cap, provider_cap=2 * cap)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        rows = list(probed(run, hosts, settings))
        observe(run, "probe", {f"h{n}.example": TIMEOUT for n in odd} | {"h3.example": BACKED_OFF})
        rows += listed(run, "remainder", settings)
        pairs = [(row["mx_host"], row["address"]) for row in rows]
        assert sorted(pairs) == sorted(
            (h.mx_host, a) for h in hosts for a in h.a.addresses + h.aaaa.addresses
        )
        asked = [row for row in rows if row["withheld"] is None]
        assert all(n <= cap for n in Counter(row["address"] for row in asked).values())
        assert all(n <= 2 * cap for n in Counter(row["provider"] for row in asked).values())
