"""The stages that hold SMTP sessions (per endpoint): probe, remainder, retry, settle.

They differ in their work lists alone (`crawler.work_lists`).
"""

from datetime import UTC, datetime

import trio

from crawler.outcomes import Failure, SessionStage
from crawler.probes.reach import may_contact
from crawler.probes.session import ObservedSession, observe_session, unattempted_session
from crawler.records import TlsaLookup
from crawler.settings import patient
from crawler.stage import Observation, Row, Stage
from crawler.tools import Tools, open_tools

_FAILURES = {failure.value: failure for failure in Failure}


async def probe_endpoint(row: Row, tools: Tools) -> Observation:
    """Look up the TLSA records of an MX host, and hold one SMTP session with it at one address.

    Endpoints that are not asked get their row too, with the reason why.
    """
    reason = _reason_not_to_ask(row, tools)
    if reason is None:
        await _until(row["not_before"], row["pacing_group"], tools)
        observed = await _while_connected(row, tools)
    else:
        observed = await _without_asking(row, tools, reason)
    return Observation({"sessions": [observed.session]}, observed.session.failure, observed.certificates)


def _reason_not_to_ask(row: Row, tools: Tools) -> Failure | None:
    if tools.opt_out.covers_name(row["mx_host"]) or tools.opt_out.covers_address(row["address"]):
        return Failure.OPTED_OUT
    if row["withheld"] is not None:
        return _FAILURES[row["withheld"]]
    if not may_contact(row["address"], tools.settings):
        return Failure.SPECIAL_PURPOSE_ADDRESS
    return None


async def _without_asking(row: Row, tools: Tools, reason: Failure) -> ObservedSession:
    """Return the row of an endpoint that is not asked; its name's TLSA records are a fact all the same."""
    mx_host, settings = row["mx_host"], tools.settings
    tlsa, expanded = (None, None) if reason is Failure.OPTED_OUT else await _look_up_tlsa(row, tools)
    return unattempted_session(
        mx_host, row["address"], tlsa, settings, reason, tlsa_expanded=expanded, attempt=row["attempt"]
    )


async def _look_up_tlsa(row: Row, tools: Tools) -> tuple[TlsaLookup | None, TlsaLookup | None]:
    """Look up the TLSA records of an MX host, and of what it is an alias of (RFC 7672 s2.2.3)."""
    port = tools.settings.smtp_port
    own = await tools.resolver.tlsa(row["mx_host"], port)
    return own, await tools.resolver.tlsa(row["expanded"], port) if row["expanded"] else None


async def _until(moment: datetime | None, provider: str, tools: Tools) -> None:
    """Wait for a moment, but no longer than it can be away: the clock may have been set back."""
    if moment is not None:
        seconds = (moment - datetime.now(UTC)).total_seconds()
        await tools.pacer.delay(min(max(0.0, seconds), tools.settings.retry_delay_seconds), provider)


async def _while_connected(row: Row, tools: Tools) -> ObservedSession:
    """Hold the session; again if it got no connection while this network was gone, which no host has seen."""
    while True:
        observed = await _in_its_turn(row, tools)
        session = observed.session
        if session.stage is not SessionStage.CONNECT or session.failure is None:
            return observed
        begun_at = trio.current_time() - session.total_seconds
        if not session.failure.may_be_ours or not await tools.resolver.was_cut_off(begun_at):
            return observed


async def _in_its_turn(row: Row, tools: Tools) -> ObservedSession:
    """Hold the session when it is this endpoint's turn: the TLSA records are of that moment too."""
    mx_host, address, attempt = row["mx_host"], row["address"], row["attempt"]
    settings = tools.settings if attempt == 1 else patient(tools.settings)
    while True:
        async with tools.pacer.turn(address, row["network"], row["pacing_group"]) as turn:
            if turn.is_refused:
                break
            began_at = trio.current_time()
            tlsa, expanded = await _look_up_tlsa(row, tools)
            if tools.resolver.back_at > began_at:
                # The lookup waited for the end of an outage, and so did others: each takes another turn, lest
                # all begin at once.
                turn.is_unused = True
                continue
            observed = await observe_session(
                mx_host, address, tlsa, settings, tlsa_expanded=expanded, attempt=attempt
            )
            turn.was_pushed_back = bool(observed.session.pushed_back)
            return observed
    return await _without_asking(row, tools, Failure.BACKED_OFF)


def _stage(name: str) -> Stage:
    return Stage(
        name=name,
        tables=("sessions",),
        key=("mx_host", "address"),
        open_tools=open_tools,
        observe=probe_endpoint,
        in_flight="endpoints_waiting",
        is_paced=True,
    )


PROBE = _stage("probe")
"""Every endpoint that is asked by itself, and the samples of those that are many of a kind."""
REMAINDER = _stage("remainder")
"""The names that are not in a sample: left to it where it agrees, asked where it does not."""
RETRY = _stage("retry")
"""The second attempt with what failed for now."""
SETTLE = _stage("settle")
"""The names that were left to a sample which does not agree any more after its second attempts."""
