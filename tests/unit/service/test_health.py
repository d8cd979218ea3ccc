"""Health says what is, at once, whatever hangs; and nothing of patients."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cad.errors import Unavailable
from cad.service.health import PATIENCE_S, Alarms, Check, Health, Monitor, TableWatch, check_disk
from cad.service.jobs import JobState, RetryPolicy
from cad.service.logs import JsonLines, TextLines
from cad.service.meter import Meter
from cad.service.silence import Silence
from cad.service.store import Store, Waiting

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def nothing() -> None:
    """A system that works."""


def test_a_check_that_hangs_is_said_within_two_seconds_and_holds_nobody_up() -> None:
    release, asked = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        release.wait(60)

    monitor = Monitor([Check("pacs", hang), Check("disk", nothing)])
    with monitor.running():
        assert asked.wait(30)
        time.sleep(PATIENCE_S + 0.5)
        began = time.monotonic()
        conditions = monitor.conditions()
        assert time.monotonic() - began < 0.1
        assert conditions["pacs"].startswith("no answer for ")
        assert conditions["disk"] == "ok"
        release.set()


def test_what_a_check_raises_is_its_condition_and_a_bug_is_named_without_its_message() -> None:
    def away() -> None:
        raise Unavailable("pacs", "Orthanc cannot be reached")

    def bug() -> None:
        raise ValueError("DOE^JANE")

    monitor = Monitor([Check("pacs", away), Check("store", bug)])
    assert monitor.conditions() == {"pacs": "not checked yet", "store": "not checked yet"}
    for name in ("pacs", "store"):
        monitor.run(name)
    assert monitor.conditions() == {"pacs": "Orthanc cannot be reached", "store": "the check failed (ValueError)"}


def test_a_disk_that_cannot_be_written_or_is_full_is_said(tmp_path: Path) -> None:
    check_disk(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable, match="MB are free"):
        check_disk(tmp_path, 1e12)
    with pytest.raises(Unavailable, match="cannot be written"):
        check_disk(tmp_path / "absent", 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}", RetryPolicy())
    opened.upgrade_tables()
    yield opened
    opened.close()


def test_a_table_that_is_damaged_in_its_middle_is_no_table(store: Store, tmp_path: Path) -> None:
    watch = TableWatch(store)
    watch.ask()
    assert watch.last == Waiting({}, None, {}, 0)
    store.close()
    path = tmp_path / "jobs.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    for beside in tmp_path.glob("jobs.sqlite-*"):
        beside.unlink()
    with pytest.raises(Unavailable):
        watch.ask()


def test_what_a_person_should_look_at_is_said_without_names() -> None:
    alarms = Alarms(timedelta(hours=1))
    counts = {JobState.FAILED: 2, JobState.DONE: 7}
    waiting = Waiting(counts, NOW - timedelta(minutes=90), {"there": 3, "here": 1}, 1)
    assert list(alarms.attention(waiting, NOW, {"there"}, 4)) == [
        "failed jobs: 2",
        "results of which the destination refused a part: 1 jobs",
        "the oldest job has been waiting for 90 min",
        "received series that could not be read: 4",
        "jobs whose files another service has, which is away: 3",
    ]
    assert not list(alarms.attention(Waiting({JobState.DONE: 1}, NOW, {"there": 1}, 0), NOW, set(), 0))


def test_status_is_the_worst_of_what_is() -> None:
    assert Health({"a": "ok"}).status == "ok"
    assert Health({"a": "ok"}, ("look",)).status == "attention"
    assert Health({"a": "away"}, ("look",)).status == "degraded"
    assert not Health({"a": "ok"}, dead=("dispatch",)).is_ready


def test_silence_counts_how_long_a_value_stood_still() -> None:
    silence = Silence()
    assert [silence.seconds("a", value, now) for value, now in ((1, 0.0), (1, 5.0), (2, 6.0), (2, 9.0))] == [0, 5, 0, 3]
    silence.only({"b"})
    assert silence.seconds("a", 2, 20.0) == 0


def test_a_line_of_the_log_is_one_object_and_quotes_no_exception() -> None:
    try:
        raise ValueError("^".join(("DOE", "JANE")))
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
        records = [
            logging.LogRecord("dask", logging.WARNING, "", 1, "failed: %s", ("x",), raised),
            logging.LogRecord("pynetdicom", logging.ERROR, "", 1, error, (), raised),
        ]
    lines = [JsonLines().format(record) for record in records]
    said = json.loads(lines[0])
    assert (said["level"], said["logger"]) == ("WARNING", "dask")
    assert said["message"].startswith("failed: x: unexpected ValueError")
    assert "test_health.py" in said["message"]
    assert json.loads(lines[1])["message"].startswith("unexpected ValueError")
    texts = [TextLines().format(record) for record in records]
    assert not any("DOE^JANE" in line for line in (*lines, *texts))
    assert not any("\n" in line for line in lines)


def test_executions_are_counted_by_how_they_ended() -> None:
    meter = Meter(lambda: {"0": 512.0})
    meter.ended("done", 12.0)
    meter.ended("done", 700.0)
    lines = meter.exposition(Health({"pacs": "ok"})).decode().splitlines()
    assert 'lungcad_executions_total{end="done"} 2.0' in lines
    assert 'lungcad_execution_seconds_bucket{le="20.0"} 1.0' in lines
    assert f'lungcad_worker_memory_bytes{{worker="0"}} {512 * 2**20:.9g}'.split()[0] in "\n".join(lines)
