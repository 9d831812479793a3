"""Who watches a run from elsewhere than its terminal: a log for programs, and Prometheus."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.commands.ending import Ending, ending_of
from crawler.storing.run_folder import RunFolder
from crawler.terminal import say
from crawler.watching.event_log import EventLog
from crawler.watching.metrics import Metrics
from crawler.watching.watched import Watcher


@dataclass
class Onlookers:
    """Those that were asked for."""

    log: EventLog | None
    metrics: Metrics | None
    run: RunFolder

    @property
    def watchers(self) -> list[Watcher]:
        """Return them, to be told of stages."""
        return [watcher for watcher in (self.log, self.metrics) if watcher is not None]

    def begin(self, until: str, workers: int) -> None:
        """Tell them what is run, and with how many workers at its start; the run folder stands."""
        manifest = self.run.read_manifest()
        if self.log is not None:
            self.log.begin_run(manifest["run_id"], _facts(self.run, manifest, until, workers))
        if self.metrics is not None:
            self.metrics.begin_run(manifest["run_id"])

    def end(self, ending: Ending) -> None:
        """Tell them how the command ended, and what the run came to if it is finished."""
        if self.log is not None:
            self.log.end_run(ending.status, ending.message, _summary(self.run))


@contextlib.contextmanager
def open_onlookers(run: RunFolder, log: Path | None, metrics_port: int | None) -> Iterator[Onlookers]:
    """Give those that are asked for, for the time of a run, and tell them how it ends.

    Raises OSError for a log that cannot be opened, SettingsError for a port that cannot be listened on.
    """
    with contextlib.ExitStack() as kept:
        onlookers = Onlookers(
            log=None if log is None else kept.enter_context(EventLog(log)),
            metrics=None if metrics_port is None else kept.enter_context(Metrics(metrics_port)),
            run=run,
        )
        if onlookers.metrics is not None:
            say(f"metrics: {onlookers.metrics.url}")
        try:
            yield onlookers
        except BaseException as error:
            onlookers.end(ending_of(error))
            raise
        onlookers.end(ending_of(None))


def _facts(run: RunFolder, manifest: Mapping[str, Any], until: str, workers: int) -> dict[str, Any]:
    settings = json.dumps(manifest["settings"], sort_keys=True, separators=(",", ":"))
    return {
        "run": str(run.path),
        "list": manifest["list"],
        "lab": manifest["lab"],
        "versions": manifest["versions"],
        "settings_sha256": hashlib.sha256(settings.encode()).hexdigest(),
        "started_at": manifest["started_at"],
        "until": until,
        "workers": workers,
    }


def _summary(run: RunFolder) -> dict[str, Any] | None:
    try:
        manifest = run.read_manifest()
    except ValueError:  # it was never made
        return None
    if manifest.get("finished_at") is None:
        return None
    wanted = ("started_at", "finished_at", "counts", "stages", "control_totals")
    return {name: manifest[name] for name in wanted if name in manifest}
