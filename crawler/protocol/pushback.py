"""Refusals that are about the client: it comes too often, or somebody listed its address."""

import re

from crawler.records import Reply

# Words of Postfix, Exim, Sendmail, the large hosters, and of the lists' own boilerplate. A text is only
# looked at in a refusal, so a word may be broad; "busy" and "try again later" are not about the client.
_SENT_AWAY = re.compile(
    r"too (?:many|much|fast|frequent)|rate[ -]?limit|limit(?:ed|s)? (?:exceeded|reached)|exceed|throttl"
    r"|concurren|(?:block|black|deny)[ -]?list|\b(?:dns)?[rd]?bl\b|spamhaus|spamcop|barracuda|\bblocked\b"
    r"|\blisted (?:in|on|at|by)\b|reputation|unusual (?:rate|traffic)|access denied"
    r"|(?:client host|helo command) rejected",
    re.IGNORECASE | re.ASCII,
)


def is_pushback(reply: Reply) -> bool:
    """Whether a reply sends this client away: 421 (RFC 5321 s3.8), or a refusal whose text says why.

    Such a refusal says nothing about what the server offers to others.
    """
    if reply.code == 421:
        return True
    return reply.code >= 400 and any(_SENT_AWAY.search(line) for line in reply.lines)
