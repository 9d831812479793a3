from pathlib import Path

from crawler.lab.admission import Admission
from crawler.lab.internet import ANY_ATTEMPT, MailServer
from crawler.lab.population import ListedName, populate
from crawler.lab.profile import profile_from
from crawler.lab.visits import Visits, leave_attempts_open


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_most_servers_meet_everybody_alike() -> None:
    admission, server = Admission(Clock(), Visits()), MailServer(address="127.0.0.1")
    assert all(admission.admit(server) is server for _ in range(100))


def test_the_first_connection_may_meet_another_server_at_each_address() -> None:
    first = MailServer(address="127.0.0.1", greeting="450")
    one, two = (MailServer(address=f"127.0.0.{n}", first=first) for n in (1, 2))
    admission = Admission(Clock(), Visits())
    assert [admission.admit(server) for server in (one, one, two, two, one)] == [first, one, first, two, one]


def test_too_many_within_a_second_are_pushed_back_for_a_second() -> None:
    clock = Clock()
    admission, server = Admission(clock, Visits()), MailServer(address="127.0.0.1", sessions_per_second=2)

    def greeting_after(seconds: float) -> str:
        clock.now += seconds
        return admission.admit(server).greeting

    assert [greeting_after(seconds) for seconds in (0, 0.1, 0.1, 0.5, 0.49)] == ["normal"] * 2 + ["421"] * 3
    assert [greeting_after(seconds) for seconds in (0.02, 0, 0)] == ["normal", "normal", "421"]


def test_who_comes_slowly_is_never_pushed_back() -> None:
    clock = Clock()
    admission, server = Admission(clock, Visits()), MailServer(address="127.0.0.1", sessions_per_second=2)
    for _ in range(50):
        clock.now += 0.51
        assert admission.admit(server) is server


def test_a_lab_that_is_started_anew_knows_whom_it_met(tmp_path: Path) -> None:
    file = tmp_path / "visits.txt"
    before = Visits(file)
    assert [before.is_first(address) for address in ("127.0.0.1", "127.0.0.1", "::1")] == [True, False, True]
    after = Visits(file)
    assert [after.is_first(address) for address in ("127.0.0.1", "127.0.0.2", "::1")] == [False, True, False]


def test_of_servers_met_in_an_earlier_life_only_the_end_is_declared() -> None:
    listed = [ListedName(f"town{n}.gov", signed=False) for n in range(3)]
    profile = profile_from({"rates": {"sessions": {"passing_421": 1}}})
    internet = populate(listed, profile, 1, ipv6=False)
    met, *_ = (server.address for server in internet.mail_servers.values())
    leave_attempts_open(internet, {met, "127.9.9.9"})
    attempts = [(row["address"] == met, row["attempt"]) for row in internet.truth["sessions"]]
    assert attempts == [(True, ANY_ATTEMPT), *[(False, 1), (False, 2)] * 2]
    assert [row.get("attempt") for row in internet.truth["session_verdicts"]] == [None, 2, 2]
    assert {row["outcome"] for row in internet.truth["session_verdicts"]} == {"tls_ok"}
