"""The metrics for Prometheus, scraped over HTTP and read by its own parser."""

import math
import socket
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from crawler import __version__
from crawler.settings import SettingsError
from crawler.watching.feedback import Pace
from crawler.watching.metrics import Metrics
from crawler.watching.watched import Watched

Series = dict[tuple[str, ...], float]


def read(text: str) -> Series:
    """Return each series' value by its name and the values of its labels, the stage first."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels, reverse=True))): sample.value
        for sample in samples
    }


def scraped(metrics: Metrics) -> Series:
    with urlopen(metrics.url) as response:
        return read(response.read().decode())


def test_a_scrape_tells_how_each_stage_stands() -> None:
    with Metrics(0) as metrics:
        metrics.begin_run("run-1")
        watched = Watched([metrics])
        watched.begin("resolve", 4, 0)
        watched.advance(4, {"servfail": 1})
        watched.end()
        watched.begin("probe", 100, 10, 30.0)
        watched.advance(5, {"timeout": 2})
        watched.advance(5, {"timeout": 1, "closed": 1})
        watched.pace(Pace(2, 50, {"address_gap": 30, "whole": 5}))
        watched.checked(True)
        watched.checked(False)
        found = scraped(metrics)
        watched.note("paused", paused=True)
        paused = scraped(metrics)
    expected = {
        ("rows", "resolve"): 4,
        ("rows_done_total", "resolve"): 4,
        ("failures_total", "resolve", "servfail"): 1,
        ("rows", "probe"): 100,
        ("rows_done_total", "probe"): 20,
        ("failures_total", "probe", "timeout"): 3,
        ("failures_total", "probe", "closed"): 1,
        ("rows_under_way", "probe"): 15,
        ("rows_waiting", "probe", "address_gap"): 30,
        ("rows_waiting", "probe", "whole"): 5,
        ("rows_waiting", "probe", "provider_paused"): 0,
        ("lanes", "probe"): 2,
        ("lanes", "resolve"): 0,
        ("control_checks_total", "well"): 1,
        ("control_checks_total", "failed"): 1,
        ("paused",): 0,
    }
    named = {(f"starttls_survey_{name}", *labels): value for (name, *labels), value in expected.items()}
    assert {key: found[key] for key in named} == named
    assert found["starttls_survey_stage_left_seconds", "probe"] > 0
    assert found["starttls_survey_stage_left_seconds", "resolve"] == 0
    assert found["starttls_survey_run_info", __version__, "run-1"] == 1
    assert found["process_resident_memory_bytes",] > 1e6
    assert paused["starttls_survey_paused",] == 1
    assert math.isnan(paused["starttls_survey_stage_left_seconds", "probe"])


def test_before_the_first_stage_there_is_something_to_scrape() -> None:
    with Metrics(0) as metrics:
        assert scraped(metrics)["starttls_survey_paused",] == 0


def test_they_are_on_loopback_alone_and_gone_afterwards() -> None:
    with Metrics(0) as metrics:
        assert metrics.url.startswith("http://127.0.0.1:")
        assert metrics._server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        urlopen(metrics.url)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=f"--metrics {port}: Address already in use"),
            Metrics(port),
        ):
            raise AssertionError
