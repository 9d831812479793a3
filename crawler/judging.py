"""The judge stage: from observations to verdicts, without the network; can be run again at any time."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from crawler.engine import Feedback, Interruption
from crawler.outcomes import Failure, Outcome
from crawler.records import Certificate, DomainVerdict, SessionVerdict
from crawler.samples import read_samples, write_samples
from crawler.stage import read_work, shard_sizes
from crawler.storage import RunFolder
from crawler.verdicts.domain import PrimaryTls, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.session import Sample, judge_session
from crawler.work_lists import list_primaries, list_superseded


def judge(run: RunFolder, root_store: str, feedback: Feedback, interruption: Interruption) -> None:
    """Judge every session, then every domain, against a root store; earlier verdicts are replaced."""
    pkix = PkixJudge(RootStore.load(root_store), _certificates(run))
    sessions = run.shards("sessions")
    domains = run.shards("domains")
    list_superseded(run)
    write_samples(run)
    samples = read_samples(run)
    superseded = sum(shard_sizes(run, "superseded").values())
    feedback.begin("judge", run.count("sessions") - superseded + run.count("domains"), 0)
    for shard in sessions:
        interruption.check()
        verdicts = list(_judge_sessions(run, shard, pkix, samples))
        run.write_part("session_verdicts", shard, verdicts)
        feedback.advance(len(verdicts), _failures(verdicts))
    list_primaries(run)
    for shard in domains:
        interruption.check()
        judged = list(_judge_domains(run, shard, pkix))
        run.write_part("domain_verdicts", shard, judged)
        feedback.advance(len(judged), {})
    feedback.end()


def _certificates(run: RunFolder) -> Mapping[str, Certificate]:
    certificates: dict[str, Certificate] = {}
    for shard in run.shards("certificates"):
        certificates |= {
            certificate.sha256: certificate for certificate in run.read_part("certificates", shard)
        }
    return certificates


def _judge_sessions(
    run: RunFolder, shard: int, pkix: PkixJudge, samples: Mapping[tuple[str, str], Sample]
) -> Iterator[SessionVerdict]:
    """Judge the last attempts of a shard; what was left to a sample by that, if it agrees in the end."""
    superseded = {(row["mx_host"], row["address"]) for row in read_work(run, "superseded", shard)}
    providers = {row["mx_host"]: row["provider"] for row in read_work(run, "remainder", shard)}
    for session in run.read_part("sessions", shard):
        if (session.mx_host, session.address) in superseded:
            continue
        sample = None
        if session.failure is Failure.SAMPLED:
            sample = samples.get((session.address, providers[session.mx_host]))
        yield judge_session(session, pkix, sample)


def _failures(verdicts: list[SessionVerdict]) -> Counter[str]:
    """Count for the live display what is wrong: an outcome, or with TLS the certificate's reason."""
    words = (v.reason if v.outcome is Outcome.TLS_OK else v.outcome for v in verdicts)
    return Counter(word for word in words if word is not None)


def _judge_domains(run: RunFolder, shard: int, pkix: PkixJudge) -> Iterator[DomainVerdict]:
    policies = {policy.domain: policy for policy in run.read_part("sts_policies", shard)}
    primaries: defaultdict[str, list[PrimaryTls]] = defaultdict(list)
    for row in read_work(run, "primaries", shard):
        primaries[row["domain"]].append(PrimaryTls(row["leaf"], row["pkix_ok"]))
    for domain in run.read_part("domains", shard):
        yield judge_domain(domain, policies.get(domain.domain), primaries[domain.domain], pkix)
