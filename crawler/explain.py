"""What was found of a domain, explained for the terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.tree import Tree

from crawler.check import CheckedDomain, CheckedHost
from crawler.outcomes import LookupStatus, MxKind, Outcome
from crawler.records import Certificate, DomainVerdict, Session, SessionVerdict, TlsaLookup


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
        _explain_host(tree, host, checked.certificates)
    tree.add(f"MTA-STS record: {verdict.sts_record.meaning}")
    if checked.policy is not None:
        tree.add(_policy_line(verdict))
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


def _explain_host(tree: Tree, host: CheckedHost, certificates: dict[str, Certificate]) -> None:
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
    for session, verdict in host.sessions:
        _explain_session(branch, session, verdict, certificates)


def _explain_session(
    branch: Tree, session: Session, verdict: SessionVerdict, certificates: dict[str, Certificate]
) -> None:
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
        leaf.add(_tlsa_line(session.tlsa))


def _certificate_line(session: Session, verdict: SessionVerdict, certificates: dict[str, Certificate]) -> str:
    assert session.tls is not None
    presented = certificates[session.tls.chain[0]] if session.tls.chain else None
    names = _listed(presented.dns_names) if presented is not None else ""
    if verdict.pkix_ok:
        assert presented is not None
        return f"certificate: [green]valid[/green] until {presented.not_after:%Y-%m-%d}{names}"
    assert verdict.reason is not None
    return f"certificate: [red]not valid[/red], {verdict.reason.meaning}{names}"


def _tlsa_line(tlsa: TlsaLookup) -> str:
    count = len(tlsa.records)
    records = f"{count} record{'s' if count != 1 else ''}" if count else tlsa.status.meaning
    return f"TLSA: {records} ({tlsa.dnssec_status})"


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
