"""Can the resolver be believed about DNSSEC? Asked are names whose right answer is known beforehand.

Whether it validates is told of a resolver that is not trusted, too: it is worth knowing before one trusts it.
"""

from crawler.doctor.subject import Finding, State, Subject
from crawler.doctor.wording import OWN_RESOLVER, extended_error, reason, told
from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.settings import resolver_endpoint


async def is_trusted(subject: Subject) -> Finding:
    """Tell whether a survey believes the resolver's AD bit: on loopback, or named in trusted_resolvers."""
    name = "is trusted"
    lookup = await subject.resolver.mx(".")
    if lookup.dnssec_status is not DnssecStatus.UNVALIDATED:
        return Finding(name, State.OK, "what it says of DNSSEC (the AD bit) is believed")
    address, _ = resolver_endpoint(subject.settings.resolver)
    return Finding(
        name,
        State.WARNING,
        f"{address} is neither loopback nor in trusted_resolvers: DNSSEC and DANE will be `unvalidated`",
        f"{OWN_RESOLVER}; or name it in trusted_resolvers, if nobody can forge on the way to it",
    )


async def validates(subject: Subject) -> Finding:
    """Tell whether the resolver validates: a signed name, the root at best, must come back secure.

    A name without MX records serves as well as one with them: denials are signed too (RFC 4035 s5.4).
    """
    name, asked = "validates", subject.names.secure
    called = "the root" if asked == "." else asked
    lookup = await subject.believed.mx(asked)
    match lookup.dnssec_status:
        case DnssecStatus.SECURE:
            return Finding(name, State.OK, f"what it says of {called} is secure (AD)")
        case DnssecStatus.INSECURE:
            detail = f"no AD for {called}, which is signed: every signed domain would count as unsigned"
            remedy = f"turn validation on (Unbound: give it a trust anchor), or name another; {OWN_RESOLVER}"
            return Finding(name, State.FAILED, detail, remedy)
        case DnssecStatus.BOGUS:
            detail = f"{called} is bogus to it{reason(lookup)}: no signed domain would be resolved"
            remedy = "set this machine's clock, and renew the resolver's trust anchor (unbound-anchor)"
            return Finding(name, State.FAILED, detail, remedy)
    remedy = "make it answer over UDP first (see there), then run this again"
    return Finding(name, State.UNKNOWN, f"{called}: {told(lookup)}", remedy)


async def refuses_bogus_answers(subject: Subject) -> Finding:
    """Tell whether the resolver refuses what is broken or forged: SERVFAIL, and with CD=1 an answer."""
    name, asked = "refuses bogus answers", subject.names.bogus
    lookup = await subject.believed.a(asked)
    if lookup.dnssec_status is DnssecStatus.BOGUS:
        return Finding(name, State.OK, f"{asked}: SERVFAIL, and an answer with checking disabled")
    is_answered = lookup.status in (LookupStatus.NOERROR, LookupStatus.NODATA)
    if is_answered and lookup.dnssec_status is DnssecStatus.INSECURE:
        return Finding(
            name,
            State.FAILED,
            f"{asked} is answered, though its signatures are broken: bogus would count as unsigned",
            "turn validation on (Unbound: val-permissive-mode no); if the name was mended: --bogus-name",
        )
    if is_answered:
        detail = f"{asked} is secure: it is broken no more"
    elif lookup.status is LookupStatus.SERVFAIL:
        detail = f"{asked}: SERVFAIL with checking disabled too"
    else:
        detail = f"{asked}: {told(lookup)}"
    remedy = "if all other checks can tell, name another broken name: --bogus-name"
    return Finding(name, State.UNKNOWN, detail, remedy)


async def explains_refusals(subject: Subject) -> Finding:
    """Tell whether a refusal comes with its reason, an extended error (RFC 8914). A survey can go without."""
    name = "explains refusals"
    lookup = await subject.believed.a(subject.names.bogus)
    if lookup.dnssec_status is not DnssecStatus.BOGUS:
        remedy = "see the check that it refuses bogus answers"
        return Finding(name, State.UNKNOWN, "nothing was refused as bogus", remedy)
    if lookup.extended_error is None:
        detail = "SERVFAIL without a reason: the column extended_error will be empty"
        remedy = f"turn extended errors on (Unbound 1.17 or newer: 'ede: yes'); {OWN_RESOLVER}"
        return Finding(name, State.WARNING, detail, remedy)
    return Finding(name, State.OK, extended_error(lookup.extended_error))
