"""What works now, known before anybody asks: each check runs in a thread of its own, and health reads the last answers.

A check that does not come back says so by its silence; a question about health never waits for anything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cad.errors import Unavailable
from cad.service.jobs import JobState
from cad.service.store import Store, Waiting

EVERY_S = 0.5
"""Pause between two runs of a check."""

PATIENCE_S = 1.0
"""How long a check may take before health says that there is no answer."""

ALL_EACH = 300
"""Every so many checks of the table, ten minutes, all of it is read."""

PROBE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Check:
    """A needed system by its name. `ask` raises Unavailable while it is down."""

    name: str
    ask: Callable[[], None]
    every_s: float = EVERY_S


@dataclass(slots=True, eq=False)
class _Last:
    """The last answer, and since when a run of the check has been under way."""

    text: str = "not checked yet"
    begun_s: float | None = None


class Monitor:
    """Runs checks for ever; `conditions` answers at once."""

    def __init__(self, checks: Sequence[Check], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._checks = {check.name: check for check in checks}
        self._last = {check.name: _Last() for check in checks}
        self._monotonic = monotonic
        self._stop = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The checks run until the block ends. The threads are daemons: one that hangs holds up no stop."""
        for check in self._checks.values():
            threading.Thread(target=self._repeat, args=(check,), name=f"health of {check.name}", daemon=True).start()
        try:
            yield
        finally:
            self._stop.set()

    def conditions(self) -> Mapping[str, str]:
        """The condition of each system: "ok", or what is wrong."""
        return {name: self._condition(name) for name in self._last}

    def run(self, name: str) -> None:
        """One run of a check, in the caller's thread."""
        last = self._last[name]
        last.begun_s = self._monotonic()
        try:
            self._checks[name].ask()
            last.text = "ok"
        except Unavailable as outage:
            last.text = outage.text
        except Exception as bug:  # noqa: BLE001 - what a check meets is what health has to say
            last.text = f"the check failed ({type(bug).__name__})"
        last.begun_s = None

    def _repeat(self, check: Check) -> None:
        while not self._stop.is_set():
            self.run(check.name)
            self._stop.wait(check.every_s)

    def _condition(self, name: str) -> str:
        last = self._last[name]
        begun_s = last.begun_s
        silent_s = 0.0 if begun_s is None else self._monotonic() - begun_s
        return last.text if silent_s <= PATIENCE_S else f"no answer for {silent_s:.0f} s"


@dataclass(frozen=True, slots=True)
class Health:
    """What a service says of itself: no names, no keys.

    `systems` has the condition of each needed system, "ok" or what is wrong; `attention` what somebody should look
    at though everything runs; `dead` the loops that have ended, which only a restart mends.
    """

    systems: Mapping[str, str]
    attention: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting_s: float | None = None
    dead: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether every needed system works."""
        return not self.dead and all(condition == "ok" for condition in self.systems.values())

    @property
    def status(self) -> str:
        """ "degraded" when something does not work, "attention" when something waits for a person, else "ok"."""
        if not self.is_ready:
            return "degraded"
        return "attention" if self.attention else "ok"


class TableWatch:
    """The check of the job table, which keeps what it read: how many jobs wait, since when and for whom."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked = 0
        self.last = Waiting({}, None, {}, 0)

    def ask(self) -> None:
        """Write to and read from the table as jobs do, and now and then read all of it. Raises Unavailable."""
        if self._asked % ALL_EACH == 0:
            self._store.check_all()
        self._asked += 1
        self._store.check()
        self.last = self._store.waiting()


@dataclass(frozen=True, slots=True)
class Alarms:
    """When something that runs is worth a look."""

    waiting: timedelta

    def attention(self, waiting: Waiting, now: datetime, away: Collection[str], set_aside: int) -> Iterator[str]:
        """What somebody should look at, in words."""
        failed = waiting.counts.get(JobState.FAILED, 0)
        if failed:
            yield f"failed jobs: {failed}"
        if waiting.partly:
            yield f"results of which the destination refused a part: {waiting.partly} jobs"
        if waiting.since is not None and now - waiting.since > self.waiting:
            yield f"the oldest job has been waiting for {(now - waiting.since).total_seconds() / 60:.0f} min"
        if set_aside:
            yield f"received series that could not be read: {set_aside}"
        stranded = sum(number for home, number in waiting.homes.items() if home in away)
        if stranded:
            yield f"jobs whose files another service has, which is away: {stranded}"


def check_disk(folder: Path, least_mb: float) -> None:
    """Raise Unavailable unless the folder can be written and has room for at least so many megabytes."""
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        try:
            probe.write_bytes(os.urandom(PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)
        free_mb = shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        raise Unavailable("disk", f"the data folder cannot be written ({error.strerror})") from error
    if free_mb < least_mb:
        raise Unavailable("disk", f"only {free_mb:.0f} MB are free in the data folder")
