"""What Prometheus is told: requests by route template, and what the product itself does.

BentoML's own request metrics carry raw paths, and with them ids of leads; they are switched off,
and stand here under the same names with templates in their place. Requests are noted, and counted
in batches behind the answers.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.access_log import Visit
from serving.behind import Behind

_QUICK = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10,
)  # fmt: skip
_SERVICE = "smarketing"
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


class Durations(Histogram):
    """A histogram that is told of many at once.

    Every value of Prometheus that is changed takes a lock and is written to a file that the
    workers share: for each request that would take from the next one.
    """

    def observe_all(self, seconds: Sequence[float]) -> None:
        """Do as `observe` does with each of these, in seconds."""
        self._sum.inc(math.fsum(seconds))
        for place, count in Tally(
            bisect_left(self._upper_bounds, each) for each in seconds
        ).items():
            self._buckets[place].inc(count)


class Meters:
    """Counts. Workers of one service write into one folder, and any of them tells the sums."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "bentoml_service_request",
            "Requests.",
            ("endpoint", "service_name", "http_response_code"),
            registry=self._registry,
        )
        self._seconds = Durations(
            "bentoml_service_request_duration_seconds",
            "Time from request to answer.",
            ("endpoint", "service_name"),
            buckets=_QUICK,
            registry=self._registry,
        )
        self._at_work = Gauge(
            "bentoml_service_request_in_progress",
            "Requests at work.",
            ("service_name",),
            multiprocess_mode="livesum",
            registry=self._registry,
        ).labels(_SERVICE)
        self._scores = Counter(
            "smarketing_scores", "Leads scored.", ("grade",), registry=self._registry
        )
        self._features = _timer(
            "smarketing_feature_seconds", "Reading and computing features of a batch.",
            self._registry,
        )  # fmt: skip
        self._model = _timer(
            "smarketing_model_seconds", "Model and reasons of a batch.", self._registry
        )
        self._age = Gauge(
            "smarketing_history_age_seconds",
            "Time since the newest record of the history was learned of.",
            multiprocess_mode="mostrecent",
            registry=self._registry,
        )
        self._running = 0
        self._of_endpoint = lru_cache(maxsize=1024)(self._children)
        self._behind: Behind[Visit | _Scored] = Behind("metrics", self._count)

    def begun(self) -> None:
        """Count a request as at work."""
        self._running += 1

    def ended(self, visit: Visit) -> None:
        """Count a request as done."""
        self._running -= 1
        self._behind.note(visit)

    def scored(self, grades: Iterable[str], feature_s: float, model_s: float) -> None:
        """Count scores.

        Parameters
        ----------
        grades : one for each lead.
        feature_s, model_s : seconds that the batch took.
        """
        self._behind.note((grades, feature_s, model_s))

    def history_age(self, seconds: float) -> None:
        """Note how old the newest record is."""
        self._age.set(seconds)

    def text(self) -> bytes:
        """Return everything in the format of Prometheus."""
        self._behind.flush()
        self._at_work.set(self._running)
        if _DIRECTORY not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # Prometheus' own
        return generate_latest(registry)

    def close(self) -> None:
        """Count what is waiting, and let this worker's requests no longer count as at work."""
        self._behind.close()
        if _DIRECTORY in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]  # likewise

    def _count(self, noted: Sequence[Visit | _Scored]) -> None:
        self._at_work.set(self._running)
        requests: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        grades: Tally[str] = Tally()
        spent: list[tuple[float, float]] = []
        for each in noted:
            if isinstance(each, Visit):
                requests[each.route, each.status].append(each.seconds)
            else:
                grades.update(each[0])
                spent.append(each[1:])
        self._count_requests(requests)
        for grade, count in grades.items():
            self._scores.labels(grade).inc(count)
        if spent:
            self._features.observe_all([each[0] for each in spent])
            self._model.observe_all([each[1] for each in spent])

    def _count_requests(self, seen: Mapping[tuple[str, int], Sequence[float]]) -> None:
        for which, seconds in seen.items():
            requests, durations = self._of_endpoint(*which)
            requests.inc(len(seconds))
            durations.observe_all(seconds)

    def _children(self, route: str, status: int) -> tuple[Counter, Durations]:
        return (
            self._requests.labels(route, _SERVICE, str(status)),
            self._seconds.labels(route, _SERVICE),
        )


_Scored = tuple[Iterable[str], float, float]
"""Grades, and the seconds of features and of the model, of a batch."""


def _timer(name: str, words: str, registry: CollectorRegistry) -> Durations:
    return Durations(name, words, buckets=_QUICK, registry=registry)
