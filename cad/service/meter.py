"""Numbers for Prometheus: what the service has done since its start, and what it is like now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cad.service.health import Health

CONTENT_TYPE = CONTENT_TYPE_LATEST

SECONDS = (5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Bounds of the histogram: an analysis takes half a minute."""


class Meter:
    """Counts executions and shows health. `memory_mb` is the memory of each worker process, by its name."""

    def __init__(self, memory_mb: Callable[[], Mapping[str, float]] = dict) -> None:
        self._registry = CollectorRegistry()
        self._memory_mb = memory_mb
        self._ends = Counter("lungcad_executions", "Executions that ended, by how.", ["end"], registry=self._registry)
        self._seconds = Histogram(
            "lungcad_execution_seconds", "Duration of an execution.", buckets=SECONDS, registry=self._registry
        )
        ProcessCollector(registry=self._registry)

    def ended(self, end: str, seconds: float) -> None:
        """An execution ended in this way (the state or the code of its job) after so long."""
        self._ends.labels(end).inc()
        self._seconds.observe(seconds)

    def exposition(self, health: Health) -> bytes:
        """The numbers in Prometheus's text format."""
        now = CollectorRegistry()
        now.register(_Now(health, self._memory_mb()))
        return generate_latest(self._registry) + generate_latest(now)


class _Now(Collector):
    """Health as gauges."""

    def __init__(self, health: Health, memory_mb: Mapping[str, float]) -> None:
        self._health, self._memory_mb = health, memory_mb

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        health = self._health
        jobs = GaugeMetricFamily("lungcad_jobs", "Jobs in each state.", labels=["state"])
        for state, number in health.counts.items():
            jobs.add_metric([str(state)], number)
        yield jobs
        systems = GaugeMetricFamily("lungcad_system_up", "Whether a needed system works.", labels=["system"])
        for name, condition in health.systems.items():
            systems.add_metric([name], float(condition == "ok"))
        yield systems
        memory = GaugeMetricFamily("lungcad_worker_memory_bytes", "Memory of a worker process.", labels=["worker"])
        for name, megabytes in self._memory_mb.items():
            memory.add_metric([name], megabytes * 2**20)
        yield memory
        oldest = health.oldest_waiting_s
        yield GaugeMetricFamily("lungcad_oldest_waiting_seconds", "Age of the oldest waiting job.", value=oldest or 0.0)
        alarms = float(len(health.attention))
        yield GaugeMetricFamily("lungcad_attention", "Things that a person should look at.", value=alarms)
