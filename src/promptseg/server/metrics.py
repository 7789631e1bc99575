"""`Metrics`: counts and times of a server, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from .engine import EngineState


class Metrics:
    """Metrics of one server.

    Args:
        state: Returns what the engine is doing.
        gauges: Further values by name, each with the function that returns it.
    """

    def __init__(self, state: Callable[[], EngineState], gauges: dict[str, Callable[[], float]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("promptseg_requests", "Requests.", ["method", "route", "status"], registry=self._registry)
        self._seconds = Histogram("promptseg_request_seconds", "Time to answer.", ["route"], buckets=BUCKETS, registry=self._registry)
        self._registry.register(_State(state, gauges))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            method: Its method.
            route: The path of its route, or nothing if there is none.
            status: Status of the answer; 0 if the client went away.
            seconds: Time that it took.
        """
        known = method if method in METHODS else "other"
        self._requests.labels(known, route or "none", str(status or "gone")).inc()
        self._seconds.labels(route or "none").observe(seconds)

    def text(self) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        return generate_latest(self._registry)


class _State:
    """Collector of what the engine is doing now."""

    def __init__(self, state: Callable[[], EngineState], gauges: dict[str, Callable[[], float]]) -> None:
        self._state, self._gauges = state, gauges

    def collect(self) -> Iterator[Any]:
        state = self._state()
        for name, value in vars(state).items():
            yield GaugeMetricFamily(f"promptseg_{name}", f"Engine: {name.replace('_', ' ')}.", value)
        for name, read in self._gauges.items():
            yield GaugeMetricFamily(f"promptseg_{name}", f"{name.replace('_', ' ').capitalize()}.", read())


METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
