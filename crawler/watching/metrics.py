"""How a run is going, for Prometheus: text over HTTP, on this machine's loopback alone."""

import os
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from crawler import __version__
from crawler.settings import SettingsError
from crawler.watching.stage_progress import StageProgress
from crawler.watching.waits import WaitReason
from crawler.watching.watched import Watcher

ADDRESS = "127.0.0.1"
_NAME = "starttls_survey"


class Metrics(Watcher):
    """Serves how the run stands at http://127.0.0.1:PORT/metrics, for the time of the context."""

    def __init__(self, port: int) -> None:
        """Choose a port; 0: any. Nothing is listened on yet."""
        self.port = port
        self._stages = _Stages()

    def __enter__(self) -> Self:
        """Listen. Raises SettingsError if the port is taken, or not ours to take."""
        registry = CollectorRegistry()
        registry.register(self._stages)
        ProcessCollector(registry=registry)
        try:
            self._server, self._thread = start_http_server(self.port, ADDRESS, registry)
        except OSError as error:
            raise SettingsError(f"--metrics {self.port}: {os.strerror(error.errno or 0)}") from None
        self.port = self._server.server_port
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Return where they are."""
        return f"http://{ADDRESS}:{self.port}/metrics"

    def begin_run(self, run_id: str) -> None:
        """Name the run."""
        self._stages.run_id = run_id

    def begun(self, stage: StageProgress) -> None:
        """Serve one stage more."""
        self._stages.begun = (*self._stages.begun, stage)

    def checked(self, is_well: bool) -> None:
        """Count a check of the control hosts."""
        self._stages.checks["well" if is_well else "failed"] += 1


class _Stages(Collector):
    """Reads the series off the stages when they are asked for, in the server's thread."""

    def __init__(self) -> None:
        self.run_id = ""
        self.begun: tuple[StageProgress, ...] = ()
        self.checks = Counter(well=0, failed=0)

    def collect(self) -> Iterator[Metric]:
        version = {"run_id": self.run_id, "version": __version__}
        yield InfoMetricFamily(f"{_NAME}_run", "The run that is worked on.", version)
        is_paused = any(stage.is_paused for stage in self.begun[-1:])
        yield GaugeMetricFamily(f"{_NAME}_paused", "1: the run waits for network or resolver.", is_paused)
        checks = CounterMetricFamily(
            f"{_NAME}_control_checks", "Checks of the control hosts.", labels=["result"]
        )
        for result, count in self.checks.items():
            checks.add_metric([result], count)
        yield checks
        yield from self._of_stages()

    def _of_stages(self) -> Iterator[Metric]:
        rows = _gauge("rows", "Rows of the stage's work list.")
        done = CounterMetricFamily(f"{_NAME}_rows_done", "Rows that are done.", labels=["stage"])
        under_way = _gauge("rows_under_way", "Rows being observed now.")
        lanes = _gauge("lanes", "Lanes at work.")
        seconds = _gauge("stage_seconds", "How long the stage has been worked on by this process.")
        left = _gauge("stage_left_seconds", "How long the rest takes; NaN: nobody knows.")
        failures = CounterMetricFamily(
            f"{_NAME}_failures",
            "Rows done by this process that have this failure.",
            labels=["stage", "failure"],
        )
        waiting = _gauge("rows_waiting", "Rows that wait for their turn now.", "reason")
        for stage in self.begun:
            name, pace, seconds_left = stage.name, stage.pace, stage.seconds_left()
            rows.add_metric([name], stage.total)
            done.add_metric([name], stage.done)
            under_way.add_metric([name], pace.under_way)
            lanes.add_metric([name], pace.lanes)
            seconds.add_metric([name], stage.seconds())
            left.add_metric([name], float("nan") if seconds_left is None else seconds_left)
            for word, count in dict(stage.failures).items():
                failures.add_metric([name, word], count)
            for reason in WaitReason:
                waiting.add_metric([name, reason.value], pace.waits.get(reason, 0))
        yield from (rows, done, under_way, lanes, seconds, left, failures, waiting)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_NAME}_{name}", meaning, labels=["stage", *labels])
