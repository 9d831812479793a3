"""One process that is a whole loopback internet: `python -m crawler.lab.serve`, which `launch` starts.

It populates, issues, writes the truth, serves, and then prints one line of JSON (`LabEndpoints`) on standard
output. It ends on SIGTERM, or when its standard input ends: a lab never outlives who started it.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from crawler.lab.associations import fill_associations, find_associations
from crawler.lab.authority_cache import CacheError, keep_authority, open_authority
from crawler.lab.landmarks import CONTROL_HOSTS, place_landmarks
from crawler.lab.launch import LabEndpoints
from crawler.lab.listening import ListenError, has_ipv6
from crawler.lab.population import ListedName, populate
from crawler.lab.profile import ProfileError, load_profile
from crawler.lab.servers import serve_internet
from crawler.lab.truth import write_truth
from crawler.lab.visits import Visits, leave_attempts_open

ROOT_STORE_FILE = "root_store.pem"
TRUTH_FOLDER = "truth"
VISITS_FILE = "visits.txt"
"""All in the state folder."""


class DomainsError(ValueError):
    """The file of domains cannot be read; the message names the line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop. Returns 0 then, or 1 after one line on standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the crawler's to hear; it then ends the lab
    parser = argparse.ArgumentParser(prog="python -m crawler.lab.serve", description=__doc__)
    parser.add_argument("--domains", type=Path, required=True, help="lines: domain,signed (1, 0 or empty)")
    parser.add_argument("--profile", type=Path, required=True, help="TOML file")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder for root store and truth")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps certificates")
    given = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(given.domains, given.profile, given.seed, given.state, given.cache))
    except (CacheError, DomainsError, ListenError, ProfileError) as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'lab'}: {error.strerror}\n")
    else:
        return 0
    return 1


async def _serve(domains: Path, profile: Path, seed: int, state: Path, cache: Path) -> None:
    internet = populate(read_domains(domains), load_profile(profile), seed, ipv6=has_ipv6())
    place_landmarks(internet)
    visits = Visits(state / VISITS_FILE)
    leave_attempts_open(internet, visits.addresses)
    now = datetime.now(UTC)
    authority = open_authority(cache, now)
    issued = authority.issue(internet.certificates, now)
    keep_authority(authority, cache)
    chains = {order_id: certificate.digests for order_id, certificate in issued.items()}
    associations = find_associations(
        internet, {word: certificate.path for word, certificate in issued.items()}
    )
    fill_associations(internet, associations)
    state.mkdir(parents=True, exist_ok=True)
    authority.write_root_store(state / ROOT_STORE_FILE)
    write_truth(internet, chains, state / TRUTH_FOLDER, associations)
    async with serve_internet(internet, authority, issued, visits=visits) as ports:
        endpoints = LabEndpoints(
            resolver=f"127.0.0.1:{ports.dns}",
            smtp_port=ports.smtp,
            https_port=ports.https,
            root_store=str(state / ROOT_STORE_FILE),
            control_hosts=CONTROL_HOSTS,
            truth=str(state / TRUTH_FOLDER),
            counts={
                "dns_answers": len(internet.answers),
                "mail_servers": len(internet.mail_servers),
                "policy_servers": len(internet.policy_servers),
                "certificates": len(issued),
            },
            pid=os.getpid(),
        )
        internet.truth.clear()
        # The model lives as long as the process: no garbage collection need walk through it again.
        gc.collect()
        gc.freeze()
        sys.stdout.write(json.dumps(asdict(endpoints)) + "\n")
        sys.stdout.flush()
        await _until_told_to_stop()


def read_domains(path: Path) -> list[ListedName]:
    """Return domains, each with whether its zone is signed (None: not said). Raises DomainsError, OSError."""
    domains = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        domain, comma, signed = line.partition(",")
        if not domain or not comma or signed not in _SIGNED:
            raise DomainsError(f"{path} line {number}: {line[:80]!r} is not 'domain,signed'")
        domains.append(ListedName(domain, _SIGNED[signed]))
    return domains


_SIGNED = {"1": True, "0": False, "": None}


async def _until_told_to_stop() -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)

    def read_standard_input() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            told.set()

    loop.add_reader(sys.stdin.fileno(), read_standard_input)
    await told.wait()


if __name__ == "__main__":
    sys.exit(main())
