"""What Prometheus is told: requests by route template, and what the product itself does.

BentoML's own request metrics carry raw paths, and with them ids of leads; they are switched off,
and stand here under the same names with templates in their place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.access_log import Visit

_QUICK = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10,
)  # fmt: skip
_SERVICE = "smarketing"
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


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
        self._seconds = Histogram(
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

    def begun(self) -> None:
        """Count a request as at work."""
        self._at_work.inc()

    def ended(self, visit: Visit) -> None:
        """Count a request as done."""
        self._at_work.dec()
        self._requests.labels(visit.route, _SERVICE, str(visit.status)).inc()
        self._seconds.labels(visit.route, _SERVICE).observe(visit.seconds)

    def scored(self, grades: Iterable[str], feature_s: float, model_s: float) -> None:
        """Count scores.

        Parameters
        ----------
        grades : one for each lead.
        feature_s, model_s : seconds that the batch took.
        """
        for grade in grades:
            self._scores.labels(grade).inc()
        self._features.observe(feature_s)
        self._model.observe(model_s)

    def history_age(self, seconds: float) -> None:
        """Note how old the newest record is."""
        self._age.set(seconds)

    def text(self) -> bytes:
        """Return everything in the format of Prometheus."""
        if _DIRECTORY not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # Prometheus' own
        return generate_latest(registry)

    def close(self) -> None:
        """Let the requests of this worker no longer count as at work."""
        if _DIRECTORY in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]  # likewise


def _timer(name: str, words: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, words, buckets=_QUICK, registry=registry)
