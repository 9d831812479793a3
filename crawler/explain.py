"""What was found of a domain, explained for the terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.tree import Tree

from crawler.check import CheckedDomain, CheckedHost
from crawler.outcomes import (
    DaneDomain,
    DaneStatus,
    LookupStatus,
    MxKind,
    Outcome,
    ResultType,
    SenderAction,
)
from crawler.records import (
    Certificate,
    DomainVerdict,
    JudgedRoute,
    Session,
    SessionVerdict,
    TlsaLookup,
)


def explain(checked: CheckedDomain) -> Tree:
    """Return one domain as a tree for the terminal: domain, MX hosts, addresses, what was found there."""
    domain, verdict = checked.domain, checked.verdict
    tree = Tree(f"[bold]{domain.domain}[/bold]: {_summary(checked)}")
    if domain.mx_kind is MxKind.OPTED_OUT:
        return tree
    tree.add(f"MX: {domain.mx_kind.meaning} ({domain.mx.status}, {domain.mx.dnssec_status})")
    for record in domain.mx.records:
        if record.unusable is not None:
            tree.add(f"{record.preference} {escape(record.exchange)}: unusable, {record.unusable.meaning}")
    for host in checked.hosts:
        _explain_host(tree, host, checked)
    tree.add(f"DANE: {_sentence(verdict.dane)}").add(_action("DANE", verdict.dane_action, "RFC 7672 s2.2"))
    tree.add(f"MTA-STS record: {verdict.sts_record.meaning}")
    if checked.policy is not None:
        _explain_policy(tree, verdict)
    tree.add(_action("MTA-STS", verdict.sts_action, "RFC 8461 s5"))
    tree.add(f"authenticated: {verdict.authenticated_by.meaning}")
    tree.add(f"TLSRPT: {verdict.tlsrpt.meaning}" + _listed(verdict.tlsrpt_ruas))
    return tree


def _summary(checked: CheckedDomain) -> str:
    """Say what the reachable primary MX hosts do about STARTTLS."""
    outcomes = [
        verdict.outcome
        for host in checked.hosts
        if host.is_primary
        for session, verdict in host.sessions
        if session.greeting is not None and verdict.outcome is not Outcome.REFUSED_GREETING
    ]
    if checked.domain.mx_kind is MxKind.NULL_MX:
        return "accepts no mail"
    if checked.domain.mx_kind is MxKind.OPTED_OUT:
        return "not asked: " + MxKind.OPTED_OUT.meaning
    if not outcomes:
        return "no primary MX host was reached"
    completed = sum(outcome is Outcome.TLS_OK for outcome in outcomes)
    colour = "green" if completed == len(outcomes) else "red"
    return (
        f"[{colour}]{completed} of {len(outcomes)} reachable primary addresses complete STARTTLS[/{colour}]"
    )


def _explain_host(tree: Tree, host: CheckedHost, checked: CheckedDomain) -> None:
    record = host.host
    preference = "implicit MX" if host.preference is None else f"{host.preference}"
    primary = ", primary" if host.is_primary else ""
    branch = tree.add(f"[bold]{preference} {record.mx_host}[/bold] (provider {record.provider}{primary})")
    if record.a.cname_chain:
        steps = ", ".join(f"{escape(step.target)} ({step.dnssec_status})" for step in record.a.cname_chain)
        branch.add(f"is an alias of {steps}, against RFC 2181 s10.3")
    if record.a.status is LookupStatus.OPTED_OUT:
        branch.add(f"not contacted: {LookupStatus.OPTED_OUT.meaning}")
    elif not host.sessions:
        branch.add(f"no address: A {record.a.status}, AAAA {record.aaaa.status}")
    routes = {route.address: route for route in checked.verdict.routes if route.mx_host == record.mx_host}
    for session, verdict in host.sessions:
        leaf = _explain_session(branch, session, verdict, checked.certificates)
        leaf.add(_dane_line(verdict, routes[session.address]))
        if routes[session.address].sts_covered is not None:
            leaf.add(_sts_line(routes[session.address]))


def _explain_session(
    branch: Tree, session: Session, verdict: SessionVerdict, certificates: dict[str, Certificate]
) -> Tree:
    colour = "green" if verdict.outcome is Outcome.TLS_OK else "red"
    leaf = branch.add(f"{session.address}: [{colour}]{verdict.outcome.meaning}[/{colour}]")
    if session.failure is not None:
        detail = f" ({escape(session.failure_detail)})" if session.failure_detail else ""
        leaf.add(f"stage {session.stage}: {session.failure.meaning}{detail}")
    if session.greeting is not None:
        leaf.add(f"greeting: {session.greeting.code} {escape(session.greeting.lines[-1])}")
    if session.tls is not None and session.tls.version is not None:
        tls = session.tls
        leaf.add(f"{tls.version}, {tls.cipher_suite}, group {tls.group or 'none'}")
        leaf.add(_certificate_line(session, verdict, certificates))
    if session.tlsa is not None:
        leaf.add(_tlsa_line("TLSA", session.tlsa))
    if session.tlsa_expanded is not None:
        leaf.add(_tlsa_line("TLSA of what it is an alias of", session.tlsa_expanded))
    return leaf


def _certificate_line(session: Session, verdict: SessionVerdict, certificates: dict[str, Certificate]) -> str:
    assert session.tls is not None
    presented = certificates[session.tls.chain[0]] if session.tls.chain else None
    names = _listed(presented.dns_names) if presented is not None else ""
    if verdict.pkix_ok:
        assert presented is not None
        return f"certificate: [green]valid[/green] until {presented.not_after:%Y-%m-%d}{names}"
    assert verdict.reason is not None
    return f"certificate: [red]not valid[/red], {verdict.reason.meaning}{names}"


def _tlsa_line(name: str, tlsa: TlsaLookup) -> str:
    count = len(tlsa.records)
    records = f"{count} record{'s' if count != 1 else ''}" if count else tlsa.status.meaning
    return f"{name}: {records} ({tlsa.dnssec_status})"


_MEANS_OF_DANE = {
    DaneStatus.MATCHED: "deliver here",
    DaneStatus.UNUSABLE: "deliver here, where TLS is had, whatever the certificate (s2.2)",
    DaneStatus.ABSENT: "deliver here, with TLS if there is any",
    DaneStatus.NOT_APPLICABLE: "deliver here, with TLS if there is any",
    DaneStatus.MISMATCHED: "not deliver here",
    DaneStatus.NO_TLS: "not deliver here",
    DaneStatus.LOOKUP_FAILED: "not deliver here (s2.1.2)",
}
"""What a sender that does DANE would do at one address; of the others it is not known."""


def _dane_line(verdict: SessionVerdict, route: JudgedRoute) -> str:
    """Say what DANE comes to at one address, for this domain."""
    line = f"DANE (RFC 7672): {_coloured(route.dane.meaning, _IS_DANE_GOOD.get(route.dane))}"
    if route.dane_reason is not None:
        line += f", {route.dane_reason.meaning}"
    if verdict.dane_base_domain is not None and verdict.dane_base_domain != verdict.mx_host:
        line += f"; records of {escape(verdict.dane_base_domain)} (s2.2.3)"
    problems = [record.problem.meaning for record in verdict.tlsa_records if record.problem]
    line += "".join(f"; a record cannot be used: {problem}" for problem in dict.fromkeys(problems))
    if route.dane in _MEANS_OF_DANE:
        line += f"; a sender that does DANE would {_MEANS_OF_DANE[route.dane]}"
    return line + _reported(route.dane_result)


_IS_DANE_GOOD = {
    DaneStatus.MATCHED: True,
    DaneStatus.MISMATCHED: False,
    DaneStatus.NO_TLS: False,
    DaneStatus.LOOKUP_FAILED: False,
}


def _sts_line(route: JudgedRoute) -> str:
    """Say what an MTA-STS policy comes to at one address."""
    line = f"MTA-STS (RFC 8461 s4): the policy {'names' if route.sts_covered else 'does not name'} this host"
    if route.meets_sts is not None:
        would = "deliver" if route.meets_sts else "not deliver"
        line += f"; a sender that enforces it would {_coloured(f'{would} here', route.meets_sts)}"
    return line + _reported(route.sts_result)


def _reported(result: ResultType | None) -> str:
    return f" ({result}, RFC 8460 s4.3)" if result else ""


def _coloured(text: str, is_good: bool | None) -> str:
    if is_good is None:
        return text
    colour = "green" if is_good else "red"
    return f"[{colour}]{text}[/{colour}]"


_IS_GOOD_ACTION = {SenderAction.DELIVER: True, SenderAction.REFUSE: False, SenderAction.FALL_BACK: False}


def _action(policy: str, action: SenderAction, section: str) -> str:
    """Say what a sender would do with mail for the domain."""
    would = _coloured(action.meaning, _IS_GOOD_ACTION.get(action))
    return f"a sender that does {policy}: {would} ({section})"


def _sentence(dane: DaneDomain) -> str:
    is_good = {DaneDomain.FULL: True, DaneDomain.BROKEN: False}.get(dane)
    return _coloured(dane.meaning, is_good)


def _explain_policy(tree: Tree, verdict: DomainVerdict) -> None:
    branch = tree.add(_policy_line(verdict) + _reported(verdict.sts_policy_result))
    if verdict.sts_step is not None:
        branch.add(f"step {verdict.sts_step} of 6 is reached: {_STEPS[verdict.sts_step]}")
    if verdict.sts_uncovered:
        branch.add(f"does not name{_listed(verdict.sts_uncovered)}")


_STEPS = (
    "there is a record, but not one valid record",
    "there is one valid record",
    "the policy host's TLS and certificate are valid",
    "the policy text was had",
    "the policy is valid",
    "the policy names every MX host",
    "every MX host that answered meets the policy",
)


def _policy_line(verdict: DomainVerdict) -> str:
    line = f"MTA-STS policy: {verdict.sts_policy.meaning}"
    if verdict.sts_policy_syntax is not None:
        line += f" ({verdict.sts_policy_syntax.meaning})"
    if verdict.sts_mode is not None:
        line += (
            f", mode {verdict.sts_mode}, max_age {verdict.sts_max_age} s{_listed(verdict.sts_mx_patterns)}"
        )
    return line


def _listed(values: Sequence[str] | None, most: int = 4) -> str:
    if not values:
        return ""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ": " + ", ".join(escape(value) for value in values[:most]) + more
