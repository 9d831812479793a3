"""A run folder that is ready to be judged: sessions, certificates and domains, made up and never observed.

Every fifth session brings a certificate of its own, which the next ones share; every tenth has one that
thousands of names share, as those of the largest hosters do. A few have TLSA records that match.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from crawler.outcomes import DnssecStatus, Failure, LookupStatus, MxKind, SessionStage
from crawler.preparing import list_domains
from crawler.protocol.certificate import public_key_info, read_certificate
from crawler.records import (
    AddressLookup,
    Certificate,
    Domain,
    MxHost,
    MxLookup,
    MxRecord,
    Session,
    TlsaLookup,
    TlsaRecord,
)
from crawler.schema import to_table
from crawler.settings import Settings
from crawler.stage import certificate_parts
from crawler.storing.parquet_files import write_parquet
from crawler.storing.run_folder import RunFolder
from crawler.work_lists import gather_certificates
from tests.listing import listed_domains
from tests.session_rows import ENCRYPTED, NOW, session
from tests.verdicts.authority import Issued, issue, pem, reassemble

SESSIONS_PER_CERTIFICATE = 5
_INTERMEDIATES = 50
_FIRST, _LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)
_ROWS_PER_PART = 1_000
_SHARED_EVERY = 10
_PLAIN_EVERY = 12
_DEAD_EVERY = 25
_SIGNED_EVERY = 30
_NAME = "mx00000000.bench.example"
"""Of the leaf that the others are made of: all names are as long."""

_ABSENT = TlsaLookup(status=LookupStatus.NXDOMAIN, dnssec_status=DnssecStatus.INSECURE)


def name_of(host: int) -> str:
    """Return the name of an MX host."""
    return f"mx{host:08}.bench.example"


def make_run(run: RunFolder, sessions: int) -> Path:
    """Fill a run folder with so many sessions, two with the one MX host of each domain.

    Return the root store.
    """
    authority = _Authority.make()
    certificates = _write_certificates(run, authority, sessions // SESSIONS_PER_CERTIFICATE)
    hosts = range(sessions // 2)
    domains = listed_domains(f"d{host:08}.example" for host in hosts)
    list_domains(run, domains, Settings(hello_name="scan.example", shard_size=_ROWS_PER_PART))
    for shard, start in enumerate(range(0, len(hosts), _ROWS_PER_PART)):
        part = hosts[start : start + _ROWS_PER_PART]
        run.write_part("domains", shard, [_domain(host) for host in part])
        run.write_part("sts_policies", shard, [])
        run.write_part("mx_hosts", shard, [_host(host) for host in part])
        run.write_part("sessions", shard, [row for host in part for row in _sessions(host, certificates)])
    root_store = run.path / "roots.pem"
    root_store.write_bytes(Path(certifi.where()).read_bytes() + pem(authority.root))
    return root_store


# --- certificates --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Authority:
    root: Issued
    intermediates: Sequence[Issued]
    template: bytes
    """The part of a leaf that is signed."""

    @classmethod
    def make(cls) -> "_Authority":
        issue_now = partial(issue, first=_FIRST, last=_LAST)
        root = issue_now("Bench Root", is_ca=True)
        names = [f"Bench Intermediate {number:02}" for number in range(_INTERMEDIATES)]
        intermediates = [issue_now(name, root, is_ca=True) for name in names]
        leaf = issue_now(_NAME, intermediates[0], dns_names=[_NAME])
        return cls(root, intermediates, x509.load_der_x509_certificate(leaf.der).tbs_certificate_bytes)

    def leaf(self, number: int) -> bytes:
        """Return another leaf, its names and issuer put in the place of the first one's."""
        issuer = self.intermediates[number % len(self.intermediates)]
        host = number * SESSIONS_PER_CERTIFICATE // 2
        body = self.template.replace(_NAME.encode(), name_of(host).encode())
        body = body.replace(b"Bench Intermediate 00", b"Bench Intermediate %02d" % (number % _INTERMEDIATES))
        assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
        return reassemble(body, issuer.key.sign(body, ec.ECDSA(hashes.SHA256())))


@dataclass(frozen=True)
class _Certificates:
    leaves: Sequence[str]
    intermediates: Sequence[str]
    association_data: str
    """Of all leaves: they have one key."""

    def chain(self, number: int) -> tuple[str, str]:
        return self.leaves[number], self.intermediates[number % len(self.intermediates)]


def _write_certificates(run: RunFolder, authority: _Authority, count: int) -> _Certificates:
    intermediates = [issued.record for issued in authority.intermediates]
    _write_part(run, 0, intermediates)
    leaves: list[str] = []
    for start in range(0, count, _ROWS_PER_PART):
        numbers = range(start, min(count, start + _ROWS_PER_PART))
        records = [read_certificate(authority.leaf(number)) for number in numbers]
        _write_part(run, start + 1, records)
        leaves += [record.sha256 for record in records]
    gather_certificates(run)
    key = public_key_info(authority.leaf(0))
    assert key is not None
    return _Certificates(leaves, [each.sha256 for each in intermediates], hashlib.sha256(key).hexdigest())


def _write_part(run: RunFolder, number: int, records: Sequence[Certificate]) -> None:
    write_parquet(certificate_parts(run) / f"probe-{number:08}.parquet", to_table(Certificate, records))


# --- rows ----------------------------------------------------------------------------------------------


def _is_signed(host: int) -> bool:
    return host % _SIGNED_EVERY == 0


def _addresses(host: int) -> tuple[str, str]:
    third, fourth = divmod(host, 250)
    second, third = divmod(third, 250)
    return f"20.{second}.{third}.{fourth}", f"21.{second}.{third}.{fourth}"


def _domain(host: int) -> Domain:
    status = DnssecStatus.SECURE if _is_signed(host) else DnssecStatus.INSECURE
    record = MxRecord(preference=10, exchange=name_of(host))
    return Domain(
        domain=f"d{host:08}.example",
        position=host + 1,
        rank=None,
        mx_kind=MxKind.EXPLICIT,
        mx=MxLookup(status=LookupStatus.NOERROR, dnssec_status=status, records=(record,)),
        sts_txt=None,
        tlsrpt_txt=None,
        resolved_at=NOW,
    )


def _host(host: int) -> MxHost:
    status = DnssecStatus.SECURE if _is_signed(host) else DnssecStatus.INSECURE
    a = AddressLookup(status=LookupStatus.NOERROR, dnssec_status=status, addresses=_addresses(host))
    aaaa = AddressLookup(status=LookupStatus.NODATA, dnssec_status=status)
    return MxHost(mx_host=name_of(host), provider="bench.example", a=a, aaaa=aaaa, resolved_at=NOW)


def _sessions(host: int, certificates: _Certificates) -> Iterator[Session]:
    for index, address in enumerate(_addresses(host)):
        number = 2 * host + index
        tlsa = _matching(certificates) if _is_signed(host) else _ABSENT
        if number % _DEAD_EVERY == 0:
            yield session(name_of(host), address, tlsa=tlsa, failure=Failure.TIMEOUT)
        elif number % _PLAIN_EVERY == 0:
            seen = {"stage": SessionStage.HELLO, "tls": None, "starttls_offered": False}
            yield session(name_of(host), address, **ENCRYPTED | seen | {"tlsa": tlsa})
        else:
            shared = number % _SHARED_EVERY == 1
            chain = certificates.chain(0 if shared else number // SESSIONS_PER_CERTIFICATE)
            tls = replace(ENCRYPTED["tls"], chain=chain)
            yield session(name_of(host), address, **ENCRYPTED | {"tls": tls, "tlsa": tlsa})


def _matching(certificates: _Certificates) -> TlsaLookup:
    record = TlsaRecord(usage=3, selector=1, matching_type=1, association_data=certificates.association_data)
    return TlsaLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.SECURE, records=(record,))
