"""Figures counted a second time, from the truth of a lab, by plain loops: none of the SQL is in it.

Only the definitions are the same: every reached primary MX host, silence is not known, and so on. Nobody opts
out of a lab and no limit is reached there, so every MX host was asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]
Answer = bool | None
Counts = tuple[int, int]
"""Yes; yes and no."""

_FOR_GOOD = ("permanent_reply", "unexpected_reply", "malformed_reply", "reply_too_long")
_POLICY_REFUSED = ("no_address", "refused", "tls_alert", "tls_error", "malformed_reply", "reply_too_long")
_RANKS = {1000: "1 to 1,000", 10_000: "1,001 to 10,000", 100_000: "10,001 to 100,000"}
_DOMAINS = "reachable mail domain, determined (of D3)"
_RECORDS = "mail-capable domain (D2), lookup answered"


class Recount:
    """The truth of a lab, and what its hosts and domains answer."""

    def __init__(self, run: Path) -> None:
        """Read the truth of the lab that a run surveyed."""
        tables = {
            path.stem: pq.read_table(path).to_pylist() for path in (run / "lab" / "truth").glob("*.parquet")
        }
        self.listed: list[Row] = tables["domains"]
        self.verdicts = {row["domain"]: row for row in tables["domain_verdicts"]}
        self.policies = {row["domain"]: row for row in tables["sts_policies"]}
        self.addresses = {r["mx_host"]: [*r["a.addresses"], *r["aaaa.addresses"]] for r in tables["mx_hosts"]}
        self.aliases = {
            row["mx_host"]: chain[-1]["target"]
            for row in tables["mx_hosts"]
            if (chain := row["a.cname_chain"] or row["aaaa.cname_chain"])
        }
        self.judged = {(r["mx_host"], r["address"]): r for r in tables["session_verdicts"]}
        self.sessions: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in sorted(tables["sessions"], key=lambda row: row["attempt"] or 0):
            self.sessions[row["mx_host"], row["address"]].append(row)
        self.mail = {row["domain"]: _exchanges(row) for row in self.listed if self._is_mail_capable(row)}
        self.secure = {row["domain"] for row in self.listed if row["mx.dnssec_status"] == "secure"}
        self.reachable = {domain for domain, hosts in self.mail.items() if any(map(self.is_reached, hosts))}

    def figures(self, ranks: Mapping[str, int]) -> dict[tuple[str, str, str], Counts]:
        """Return the counts by figure, stratum and unit. ranks: of the listed domains."""
        dane = {domain: self.dane(domain) for domain in self.reachable}
        authenticated = [_any([answer, self.sts(domain)]) for domain, answer in dane.items()]
        records = [self.verdicts[domain] for domain in self.mail]
        resolvable = sum(row["mx.status"] in ("noerror", "nodata") for row in self.listed)
        hosts = {host for named in self.mail.values() for host in named}
        figures = {
            ("populations", "D2 mail-capable", "resolvable domain (D1)"): (len(self.mail), resolvable),
            ("populations", "D3 reachable", "mail-capable domain (D2)"): (
                len(self.reachable),
                len(self.mail),
            ),
            ("starttls_by_domain", "all", _DOMAINS): self._count("supports"),
            ("starttls_by_host", "TLS handshake completed", "MX host, determined (of H)"): _count(
                self.supports(host) for host in hosts
            ),
            ("certificate_ladder", "+ name of the MX host", _DOMAINS): self._count("pkix"),
            ("tls_versions", "TLSv1.3", _DOMAINS): self._count("tls13"),
            ("post_quantum", "hybrid group with ML-KEM", _DOMAINS): self._count("post_quantum"),
            ("dnssec_mx", "secure", "mail-capable domain (D2), status known"): (
                len(self.secure & self.mail.keys()),
                len(self.mail),
            ),
            ("dane_correct", "DANE correct", _DOMAINS): _count(dane.values()),
            ("dane_mismatch", "mismatched", "TLSA RRset that counts, tried"): self._mismatched(),
            ("dane_hosted", "no sender can validate it", "TLSA RRset"): self._insecure(),
            ("mta_sts_enforce", "an MX host fails", "listed domain that enforces, determined"): _count(
                None if met is None else not met for met in map(self.sts, self._enforcing())
            ),
            ("authenticated_transport", "authenticated", _DOMAINS): _count(authenticated),
            ("authenticated_transport", "by MTA-STS", _DOMAINS): _count(map(self.sts, self.reachable)),
            ("mta_sts_record", "valid record", _RECORDS): _count(_is_valid(r["sts_record"]) for r in records),
            ("tlsrpt", "valid record", _RECORDS): _count(_is_valid(r["tlsrpt"]) for r in records),
        }
        classes: defaultdict[str, list[Answer]] = defaultdict(list)
        for domain in self.mail:
            classes[_rank_class(ranks[domain])].append(self.domain(domain, "supports"))
        unit = "reachable mail domain of the class, determined (of D3)"
        return figures | {("by_rank", f"STARTTLS: {name}", unit): _count(a) for name, a in classes.items()}

    def _is_mail_capable(self, row: Row) -> bool:
        if row["mx_kind"] == "no_mx":
            return bool(self.addresses[row["domain"]])
        return row["mx_kind"] in ("explicit", "null_mx_with_others")

    def is_reached(self, host: str) -> bool:
        """Whether some address greeted with 220, at whatever attempt."""
        return any(self._greeted(host, address) for address in self.addresses[host])

    def _greeted(self, host: str, address: str) -> bool:
        return any(session["greeting.code"] == 220 for session in self.sessions[host, address])

    def at_address(self, host: str, address: str) -> Answer:
        """Whether an address supports STARTTLS, by its last session."""
        session = self.sessions[host, address][-1]
        match session["stage"], session["failure"]:
            case "hello_tls", _:
                return True
            case "handshake", "tls_alert" | "tls_error":
                return False
            case "hello", None:
                return False if session["starttls_offered"] is False else None
            case "starttls", failure if failure in _FOR_GOOD:
                return False
        return None

    def supports(self, host: str) -> Answer:
        """Whether every address that gave an answer supports STARTTLS."""
        answers = [self.at_address(host, address) for address in self.addresses[host]]
        return _every(answer for answer in answers if answer is not None)

    def passes(self, host: str, test: str) -> Answer:
        """Whether a host with STARTTLS passes a test at every address that completed TLS."""
        found = [a for a in self.addresses[host] if self.at_address(host, a)]
        sessions = [self.sessions[host, address][-1] for address in found]
        match test:
            case "pkix":
                return all(self.judged[host, address]["pkix_ok"] for address in found)
            case "tls13":
                return all(session["tls.version"] == "TLSv1.3" for session in sessions)
            case "post_quantum":
                return all("MLKEM" in (session["tls.group"] or "") for session in sessions)
        return True

    def domain(self, domain: str, test: str) -> Answer:
        """Whether every reached primary MX host supports STARTTLS, and passes a test."""
        reached = [h for h, is_primary in self.mail[domain].items() if is_primary and self.is_reached(h)]
        answer = _every(self.supports(host) for host in reached)
        return _every(self.passes(host, test) for host in reached) if answer else answer

    def dane(self, domain: str) -> Answer:
        """Whether DANE authenticates a domain; broken only by what is known to be at fault."""
        verdict = self.verdicts[domain]
        if domain not in self.secure or self._is_denied(domain):
            return False
        match verdict["dane"]:
            case "full":
                return self.domain(domain, "supports")
            case "unknown":
                return None
            case "broken":
                faults = [self._is_at_fault(route) for route in verdict["routes"] if route["is_primary"]]
                return False if any(faults) else None
        return False

    def _is_denied(self, domain: str) -> bool:
        """Whether the DNS alone says that DANE cannot authenticate a domain."""
        found = {
            (host, address): self._cannot_be_dane(host, address)
            for host, is_primary in self.mail[domain].items()
            if is_primary
            for address in self.addresses[host]
        }
        greeted = [answer for at, answer in found.items() if self._greeted(*at)]
        return any(greeted) or (bool(found) and all(found.values()))

    def _cannot_be_dane(self, host: str, address: str) -> bool:
        verdict, session = self.judged[host, address], self.sessions[host, address][-1]
        if verdict["dane"] == "lookup_failed":
            return "bogus" in (session["tlsa.dnssec_status"], session.get("tlsa_expanded.dnssec_status"))
        problems = [record["problem"] for record in verdict["tlsa_records"]]
        return verdict["dane"] in ("absent", "not_applicable") or (bool(problems) and None not in problems)

    def _is_at_fault(self, route: Row) -> bool:
        if route["address"] is None or not self.is_reached(route["mx_host"]):
            return False
        session = self.sessions[route["mx_host"], route["address"]][-1]
        match route["dane"]:
            case "mismatched":
                return True
            case "no_tls":
                return self.at_address(route["mx_host"], route["address"]) is False
            case "lookup_failed":
                return "bogus" in (session["tlsa.dnssec_status"], session.get("tlsa_expanded.dnssec_status"))
        return False

    def sts(self, domain: str) -> Answer:
        """Whether a domain enforces MTA-STS, and every MX host that answered meets its policy."""
        verdict = self.verdicts[domain]
        if verdict["sts_record"] != "valid":
            return None if verdict["sts_record"] == "lookup_failed" else False
        if verdict["sts_policy"] in ("dns", "tcp", "tls", "timeout", "http"):
            return False if self.policies[domain]["failure"] in _POLICY_REFUSED else None
        if verdict["sts_policy"] != "valid" or verdict["sts_mode"] != "enforce":
            return False
        return _every(
            self._meets(route)
            for route in verdict["routes"]
            if not route["sts_covered"] or (route["address"] and self.is_reached(route["mx_host"]))
        )

    def _enforcing(self) -> list[str]:
        """Return the domains with mail whose policy enforces, or may, as nothing is known of it."""
        records = [self.verdicts[domain] for domain in self.mail]
        records = [row for row in records if row["sts_record"] == "valid"]
        return [
            row["domain"]
            for row in records
            if row["sts_mode"] == "enforce" or (row["sts_mode"] is None and self.sts(row["domain"]) is None)
        ]

    def _meets(self, route: Row) -> Answer:
        if not route["sts_covered"]:
            return False
        answer = self.at_address(route["mx_host"], route["address"])
        return route["pkix_ok"] if answer else answer

    def _mismatched(self) -> Counts:
        sets: defaultdict[str, list[str | None]] = defaultdict(list)
        for (host, address), row in self.judged.items():
            if row["dane_base_domain"] and row["dane"] != "unusable" and self.is_reached(host):
                is_without = row["dane"] == "no_tls" and self.at_address(host, address) is False
                found = row["dane"] if is_without or row["dane"] in ("matched", "mismatched") else None
                sets[row["dane_base_domain"]].append(found)
        mismatched = sum("mismatched" in found for found in sets.values())
        return mismatched, sum(
            "mismatched" in found or "no_tls" in found or None not in found for found in sets.values()
        )

    def _insecure(self) -> Counts:
        """Return how many TLSA RRsets no sender can validate, by the name that they stand at."""
        secure: dict[str, bool] = {}
        for (host, _), sessions in self.sessions.items():
            for session in sessions:
                for found, owner in (("tlsa", host), ("tlsa_expanded", self.aliases.get(host, ""))):
                    if session.get(f"{found}.records"):
                        secure[owner] = session[f"{found}.dnssec_status"] == "secure"
        return len(secure) - sum(secure.values()), len(secure)

    def _count(self, test: str) -> Counts:
        return _count(self.domain(domain, test) for domain in self.mail)


def _exchanges(row: Row) -> dict[str, bool]:
    """Return the usable MX hosts of a domain, and whether each is a primary one."""
    if row["mx_kind"] == "no_mx":
        return {row["domain"]: True}
    records = [record for record in row["mx.records"] if record["exchange"] != "."]
    lowest = min(record["preference"] for record in records)
    hosts: dict[str, bool] = {}
    for record in records:
        if record["unusable"] is None:
            is_primary = hosts.get(record["exchange"], False) or record["preference"] == lowest
            hosts[record["exchange"]] = is_primary
    return hosts


def _every(answers: Iterable[Answer]) -> Answer:
    """Return whether all are yes: one no decides, one not known leaves it open; of none it is not known."""
    answers = [*answers]
    if False in answers:
        return False
    return None if None in answers or not answers else True


def _any(answers: list[Answer]) -> Answer:
    if True in answers:
        return True
    return None if None in answers else False


def _count(answers: Iterable[Answer]) -> Counts:
    answers = [*answers]
    return answers.count(True), answers.count(True) + answers.count(False)


def _is_valid(verdict: str) -> Answer:
    return None if verdict == "lookup_failed" else verdict == "valid"


def _rank_class(rank: int) -> str:
    return next((name for limit, name in _RANKS.items() if rank <= limit), "above 100,000")
