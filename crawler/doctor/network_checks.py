"""Does this network let a survey out: to port 25, and over IPv6?"""

from crawler.control import REMEDIES, Diagnosis, ask_control_hosts
from crawler.doctor.subject import Finding, State, Subject
from crawler.protocol.addresses import is_special_purpose

_FAR_IPV6_ADDRESS = "2001:503:ba3e::2:30"
"""a.root-servers.net, to which nothing is sent: only a route is looked for."""


async def reaches_control_hosts(subject: Subject) -> Finding:
    """Tell whether hosts known to offer STARTTLS offer it here: port 25 is open, this address not refused."""
    name, hosts = "reaches control hosts", subject.settings.control_hosts
    if not hosts:
        detail = "none are set: a blocked port 25 would pass for an internet without STARTTLS"
        remedy = "name some mail hosts that surely offer STARTTLS: control_hosts"
        return Finding(name, State.WARNING, detail, remedy)
    machine = subject.machine
    check = await ask_control_hosts(
        subject.resolver,
        subject.settings,
        subject.opt_out,
        connect=machine.connect,
        outward=machine.outward_address,
    )
    diagnosis = check.diagnosis
    if diagnosis is Diagnosis.ALL_WELL:
        return Finding(name, State.OK, f"TLS with {' and '.join(hosts)}")
    state = State.WARNING if diagnosis.is_well else State.FAILED
    return Finding(name, state, f"{diagnosis.meaning}; {check.failing}", REMEDIES[diagnosis])


async def has_a_way_to_ipv6(subject: Subject) -> Finding:
    """Tell whether hosts with IPv6 addresses can be reached at them."""
    name = "has a way to IPv6"
    source = subject.machine.outward_address(_FAR_IPV6_ADDRESS)
    if source is not None and not is_special_purpose(source):
        return Finding(name, State.OK, f"from {source}")
    lack = "no route" if source is None else f"only from {source}, which is no global address"
    return Finding(
        name,
        State.WARNING,
        f"{lack}: every IPv6 address of a mail host will be `unreachable`, through this machine's fault",
        "survey from a network with IPv6, or leave the figures of IPv6 addresses out",
    )
