"""The job table on SQLite: atomic claims, compare-and-swap, superseding."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cad.errors import Unavailable
from cad.service.jobs import Event, EventKind, Job, JobState, RetryPolicy, Source, advance
from cad.service.store import ObjectRecord, Store
from cad.service.tables import FETCHED, METADATA, open_engine

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = NOW + timedelta(minutes=2)
CLAIMED_BY_ME = Event(EventKind.CLAIMED, owner="me", lease_until=LEASE)
REPORT = ObjectRecord("2.25.1", "2.25.2", "SR")


def a_job(number: int = 1, series: str | None = None, created: datetime = NOW) -> Job:
    series_uid = series or f"1.2.{number}"
    uids = (f"{series_uid}.{number}",)
    key = f"{number:064d}"
    return Job(key, Source.PACS, f"id-{number}", series_uid, uids, JobState.QUEUED, created, created, created)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url, RetryPolicy())
    opened.upgrade_tables()
    yield opened
    opened.close()


def finished(store: Store, number: int, series: str) -> Job:
    """A job that has gone all the way."""
    store.accept(a_job(number, series))
    running = store.claim("me", LEASE, NOW)
    assert running is not None
    record = ObjectRecord(f"2.25.{number}", f"2.25.{number}0", "SR")
    delivering = store.analysed(running, [record], {"nodules": []}, NOW)
    assert delivering is not None
    done = store.advance(delivering, Event(EventKind.DELIVERED), NOW)
    assert done is not None
    return done


def test_a_job_comes_back_as_it_was_recorded(store: Store) -> None:
    job = a_job()
    assert store.accept(job)
    assert store.job(job.key) == job


def test_the_same_set_of_slices_is_ignored(store: Store) -> None:
    store.accept(a_job())
    assert not store.accept(a_job())
    assert len(store.jobs()) == 1


def test_a_new_set_of_slices_supersedes_the_old_job(store: Store) -> None:
    store.accept(a_job(1, "1.2"))
    store.accept(a_job(2, "1.2"))
    assert {job.key[-1]: job.state for job in store.jobs()} == {"1": JobState.SUPERSEDED, "2": JobState.QUEUED}


def test_slices_that_come_back_are_read_again(store: Store) -> None:
    store.accept(a_job(1, "1.2"))
    store.accept(a_job(2, "1.2"))
    assert store.accept(a_job(1, "1.2"))
    assert {job.key[-1]: job.state for job in store.jobs()} == {"1": JobState.QUEUED, "2": JobState.SUPERSEDED}


def test_other_series_are_left_alone(store: Store) -> None:
    store.accept(a_job(1))
    store.accept(a_job(2))
    assert store.counts() == {JobState.QUEUED: 2}


def test_a_claim_in_sql_is_the_claim_of_the_transition_table(store: Store) -> None:
    job = a_job()
    store.accept(job)
    assert store.claim("me", LEASE, NOW) == advance(job, CLAIMED_BY_ME, NOW)


def test_a_delivery_is_claimed_as_a_delivery(store: Store) -> None:
    store.accept(a_job())
    running = store.claim("me", LEASE, NOW)
    assert running is not None
    delivering = store.analysed(running, [REPORT], {}, NOW)
    assert delivering is not None
    waiting = store.advance(delivering, Event(EventKind.UNAVAILABLE, "pacs-unavailable"), NOW)
    assert waiting is not None
    due = waiting.not_before
    assert store.claim("me", LEASE, NOW) is None
    assert store.claim("me", LEASE, due) == advance(waiting, CLAIMED_BY_ME, due)


def test_what_is_held_or_not_due_is_not_claimed(store: Store) -> None:
    store.accept(a_job(1))
    store.accept(replace(a_job(2), not_before=NOW + timedelta(seconds=1)))
    assert store.claim("me", LEASE, NOW) is not None
    assert store.claim("me", LEASE, NOW) is None


def test_the_longest_waiting_job_is_claimed_first(store: Store) -> None:
    for number, seconds in ((1, 2), (2, 0), (3, 1)):
        store.accept(a_job(number, created=NOW + timedelta(seconds=seconds)))
    claimed = [store.claim("me", LEASE, NOW + timedelta(minutes=1)) for _ in range(3)]
    assert [job.key[-1] for job in claimed if job] == ["2", "3", "1"]


def claim_all(url: str, name: str, found: multiprocessing.Queue[tuple[str, str]]) -> None:
    store = Store(url, RetryPolicy())
    while (job := store.claim(name, LEASE, NOW)) is not None:
        found.put((job.key, name))
    store.close()


def test_several_processes_never_claim_the_same_job(store: Store, url: str) -> None:
    jobs, workers = 60, 3
    for number in range(jobs):
        store.accept(a_job(number + 1))
    context = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[tuple[str, str]] = context.Queue()
    processes = [context.Process(target=claim_all, args=(url, f"w{n}", found)) for n in range(workers)]
    for process in processes:
        process.start()
    claims = Counter(found.get(timeout=120)[0] for _ in range(jobs))
    for process in processes:
        process.join()
    assert set(claims.values()) == {1}
    assert len(claims) == jobs
    assert all(job.claims == 1 for job in store.jobs())


def test_only_one_of_two_actors_changes_a_job(store: Store) -> None:
    store.accept(a_job())
    running = store.claim("me", LEASE, NOW)
    assert running is not None
    assert store.advance(running, Event(EventKind.INTERRUPTED), NOW) is not None
    assert store.analysed(running, [REPORT], {}, NOW) is None
    assert store.objects(running.key) == ()


def test_a_worker_whose_job_was_given_to_another_changes_nothing(store: Store) -> None:
    store.accept(a_job())
    mine = store.claim("me", LEASE, NOW)
    assert mine is not None
    store.advance(mine, Event(EventKind.INTERRUPTED), NOW)
    theirs = store.claim("you", LEASE, NOW)
    assert theirs is not None
    assert store.advance(mine, Event(EventKind.REFUSED, "not-ct"), NOW) is None
    assert store.job(mine.key) == theirs


def test_renewing_a_lease_does_not_disturb_the_worker(store: Store) -> None:
    store.accept(a_job())
    running = store.claim("me", LEASE, NOW)
    assert running is not None
    store.renew("me", LEASE + timedelta(minutes=1))
    assert store.analysed(running, [REPORT], {"nodules": []}, NOW) is not None


def test_results_and_state_are_recorded_together(store: Store) -> None:
    done = finished(store, 1, "1.2")
    assert done.state is JobState.DONE
    assert store.document(done.key) == {"nodules": []}
    assert [item.sop_uid for item in store.objects(done.key)] == ["2.25.1"]
    assert store.is_own_series("2.25.10")
    assert not store.is_own_series("1.2")


def test_a_delivery_counts_as_unsettled_until_it_was_seen(store: Store) -> None:
    done = finished(store, 1, "1.2")
    assert store.unsettled(JobState.DONE, NOW) == (done,)
    assert store.unsettled(JobState.DONE, NOW - timedelta(seconds=1)) == ()
    store.settle(done.key)
    assert store.unsettled(JobState.DONE, NOW) == ()


def test_superseding_a_finished_job_asks_for_its_withdrawal(store: Store) -> None:
    done = finished(store, 1, "1.2")
    store.settle(done.key)
    store.accept(a_job(2, "1.2"))
    assert [job.key for job in store.unsettled(JobState.SUPERSEDED, NOW)] == [done.key]


def test_the_last_word_on_a_patient_counts(store: Store) -> None:
    assert store.patient("a") == {}
    store.note_patient("a", {"age_years": 60})
    store.note_patient("a", {"screening": True, "observations": {"cysts": []}})
    store.note_patient("b", {})
    assert store.patient("a") == {"screening": True, "observations": {"cysts": []}}
    assert store.patient("b") == {}


def test_cursor_and_watched_series_move_together(store: Store) -> None:
    assert store.cursor("orthanc") is None
    store.note_changes("orthanc", 7, ["b", "a"])
    store.note_changes("orthanc", 9, ["a"])
    store.watch("c")
    assert (store.cursor("orthanc"), store.watched()) == (9, ("a", "b", "c"))
    store.unwatch("b")
    assert store.watched() == ("a", "c")


def test_a_place_is_needed_while_its_job_has_not_ended(store: Store) -> None:
    store.accept(a_job(1))
    assert store.needs("id-1")
    running = store.claim("me", LEASE, NOW)
    assert running is not None
    store.advance(running, Event(EventKind.REFUSED, "not-ct"), NOW)
    assert not store.needs("id-1")


def test_a_table_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'absent' / 'jobs.sqlite'}", RetryPolicy())
    with pytest.raises(Unavailable, match="job table"):
        store.counts()


def test_our_own_mistake_in_sql_is_a_bug(store: Store, url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TRIGGER t BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
    connection.close()
    with pytest.raises(Exception, match="no") as caught:
        store.accept(a_job())
    assert not isinstance(caught.value, Unavailable)


def test_a_table_of_an_older_version_is_completed_and_keeps_its_jobs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'older.sqlite'}"
    engine = open_engine(url)
    METADATA.create_all(engine, tables=[table for table in METADATA.sorted_tables if table is not FETCHED])
    engine.dispose()
    store = Store(url, RetryPolicy())
    store.accept(a_job())
    store.upgrade_tables()
    store.note_fetched("1.2.3")
    store.note_fetched("1.2.3")
    assert (store.is_fetched("1.2.3"), store.is_fetched("1.2.4")) == (True, False)
    assert store.job(a_job().key) is not None
    store.close()
