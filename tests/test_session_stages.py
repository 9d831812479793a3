"""Which TLSA records are looked up before a session."""

import pytest

from crawler.outcomes import Failure, SessionStage
from crawler.records import Session
from crawler.session_stages import probe_endpoint
from tests.test_opted_out_stages import FakeResolver, endpoint, tools


@pytest.mark.parametrize(
    ("mx_host", "expanded", "questions"),
    [
        ("mx.in.test", None, ["tlsa mx.in.test"]),
        ("mx.in.test", "end.in.test", ["tlsa mx.in.test", "tlsa end.in.test"]),
        ("mx.out.test", "end.in.test", []),
    ],
)
async def test_an_alias_has_the_records_of_its_end_looked_up_too(
    mx_host: str, expanded: str | None, questions: list[str]
) -> None:
    resolver = FakeResolver()
    row = endpoint(mx_host, "127.1.0.1", "sampled") | {"expanded": expanded}
    observation = await probe_endpoint(row, tools(resolver))
    (session,) = observation.records["sessions"]
    assert isinstance(session, Session)
    assert resolver.questions == questions
    assert (session.tlsa is not None, session.tlsa_expanded is not None) == (
        len(questions) > 0,
        len(questions) > 1,
    )
    reason = Failure.SAMPLED if questions else Failure.OPTED_OUT
    assert (session.stage, session.failure) == (SessionStage.NOT_ATTEMPTED, reason)
