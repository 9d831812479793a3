"""How fast this machine is beside the one that the aim in microseconds was set on.

dnspython was timed there too: it does the kind of work that a survey in Python does, and has nothing of ours.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import dns.message
import dns.rdatatype
import dns.rrset

from tests.benchmarks.mail_names import name_of, truth_of
from tests.benchmarks.measuring import Spread, ratios

AIM_THERE_US = 45.0
"""CPU per MX lookup, rows included, where zdns needs 120 us."""

READING, WRITING = "from_wire of a reply with 3 MX records", "make_query().to_wire()"
THERE_US = {READING: 250.0, WRITING: 57.0}
"""What dnspython took there."""

_THREE_RECORDS = 2
"""The number of a name with three."""
_REPETITIONS = 200
_TRIALS = 5


def measure_dnspython() -> dict[str, float]:
    """Return what dnspython takes here, CPU in microseconds; it takes half a second to find out."""
    name = name_of(_THREE_RECORDS)
    reply = dns.message.make_response(dns.message.make_query(name, dns.rdatatype.MX, use_edns=0))
    records = [f"{preference} {exchange}." for preference, exchange in truth_of(_THREE_RECORDS)[1]]
    reply.answer.append(dns.rrset.from_text(f"{name}.", 3600, "IN", "MX", *records))
    octets = reply.to_wire()
    return {
        READING: _median_us(lambda: dns.message.from_wire(octets)),
        WRITING: _median_us(lambda: dns.message.make_query(name, dns.rdatatype.MX).to_wire()),
    }


def _median_us(work: Callable[[], object]) -> float:
    trials = []
    for _ in range(_TRIALS):
        begun = time.process_time()
        for _ in range(_REPETITIONS):
            work()
        trials.append(1e6 * (time.process_time() - begun) / _REPETITIONS)
    return statistics.median(trials)


def judged(ours_us: Sequence[float], dnspython: Sequence[dict[str, float]]) -> list[str]:
    """Return what the aim is here by either measure, and whether it is reached: round by round, as ratios."""
    lines = []
    for work, there_us in THERE_US.items():
        here_us = [took[work] for took in dnspython]
        aims_us = [AIM_THERE_US * us / there_us for us in here_us]
        share = ratios(ours_us, aims_us)
        verdict = "reached" if share.median <= 1 else "not reached"
        lines += [
            f"dnspython, {work}: {Spread.of(here_us).shown(0)} us here, {there_us:.0f} where the aim was set",
            f"  so {AIM_THERE_US:.0f} us there are {Spread.of(aims_us).shown(1)} here",
            f"  ours / that: {share.shown(2)}: {verdict}",
        ]
    return lines
