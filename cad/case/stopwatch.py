"""Time by stage, and progress as it passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def silent(stage: str) -> None:
    """No progress."""


class Stopwatch:
    """Adds up the seconds of named stages; `progress` hears the name of each as it starts."""

    def __init__(self, progress: Callable[[str], None] = silent, now: Callable[[], float] = time.perf_counter) -> None:
        self._progress = progress
        self.now = now
        self._started = now()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time of the block to stage `name`."""
        if name not in self._seconds:
            self._progress(name)
        before = self.now()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + self.now() - before

    def seconds(self) -> dict[str, float]:
        """Seconds of every stage that ran, and the `total` since the start."""
        return {**self._seconds, "total": self.now() - self._started}
