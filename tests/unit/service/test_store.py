"""The job table on SQLite: atomic claims, compare-and-swap, superseding."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cad.errors import Unavailable
from cad.service.jobs import URGENT, Event, EventKind, Job, JobState, RetryPolicy, Source, advance
from cad.service.store import ObjectRecord, Store
from tests.unit.service.first_tables import restore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = NOW + timedelta(minutes=2)
CLAIMED_BY_ME = Event(EventKind.CLAIMED, owner="me", lease_until=LEASE)
REPORT = ObjectRecord("2.25.1", "2.25.2", "SR")


def a_job(number: int = 1, series: str | None = None, created: datetime = NOW) -> Job:
    series_uid = series or f"1.2.{number}"
    uids = (f"{series_uid}.{number}",)
    key = f"{number:064d}"
    return Job(key, Source.PACS, f"id-{number}", series_uid, uids, JobState.QUEUED, created, created, created)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    return str(request.getfixturevalue("postgres").new_database())


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
    assert store.unsettled(JobState.DONE, NOW, NOW) == (done,)
    assert store.unsettled(JobState.DONE, NOW - timedelta(seconds=1), NOW) == ()
    store.settle(done.key)
    assert store.unsettled(JobState.DONE, NOW, NOW) == ()


def test_superseding_a_finished_job_asks_for_its_withdrawal(store: Store) -> None:
    done = finished(store, 1, "1.2")
    store.settle(done.key)
    store.accept(a_job(2, "1.2"))
    assert [job.key for job in store.unsettled(JobState.SUPERSEDED, NOW, NOW)] == [done.key]


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


def test_our_own_mistake_in_sql_is_a_bug(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}", RetryPolicy())
    store.upgrade_tables()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("CREATE TRIGGER t BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
    connection.close()
    with pytest.raises(Exception, match="no") as caught:
        store.accept(a_job())
    assert not isinstance(caught.value, Unavailable)
    store.close()


def crowd(url: str, number: int, found: multiprocessing.Queue[str]) -> None:
    """What the intakes of two services do with the same series, over and over."""
    store = Store(url, RetryPolicy())
    said = ""
    try:
        for turn in range(40):
            store.note_changes("orthanc", turn, [f"s{turn}", "a"])
            store.watch("b")
            store.accept(a_job(turn + 1, "1.2.1"))
            store.renew(f"here{number % 2}:1", LEASE)
            store.note_patient("a", {"screening": True})
            store.note_fetched("1.2.9")
            store.unwatch("b")
    except Exception as error:  # noqa: BLE001 - told to the test
        said = repr(error)
    found.put(said)
    store.close()


def test_services_that_do_the_same_at_once_do_not_disturb_each_other(store: Store, url: str) -> None:
    context = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=crowd, args=(url, number, found)) for number in range(3)]
    for process in processes:
        process.start()
    assert [found.get(timeout=120) for _ in processes] == ["", "", ""]
    for process in processes:
        process.join()
    states = [job.state for job in store.jobs()]
    assert (len(states), states.count(JobState.SUPERSEDED)) == (40, 39)


def test_a_table_of_an_older_version_is_completed_and_keeps_its_jobs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'older.sqlite'}"
    restore(tmp_path / "older.sqlite")
    with closing(sqlite3.connect(tmp_path / "older.sqlite")) as connection, connection:
        connection.execute("DROP TABLE fetched")
        connection.execute(
            "INSERT INTO jobs SELECT ?, 'pacs', 'id-1', '1.2.1', sop_uids, 'queued', created, updated, 0, "
            "0, 0, 0, 0, NULL, NULL, NULL, NULL, facts FROM jobs LIMIT 1",
            (a_job().key,),
        )
    store = Store(url, RetryPolicy())
    store.upgrade_tables()
    store.note_fetched("1.2.3")
    store.note_fetched("1.2.3")
    assert (store.is_fetched("1.2.3"), store.is_fetched("1.2.4")) == (True, False)
    assert store.job(a_job().key) is not None
    store.close()


def taken(store: Store, owner: str, now: datetime = NOW, away: tuple[str, ...] = ()) -> str | None:
    """The series of the job that this owner is given."""
    job = store.claim(owner, now + timedelta(minutes=2), now, away)
    return None if job is None else job.series_uid


def test_a_job_whose_files_another_has_is_left_to_it(store: Store) -> None:
    store.accept(replace(a_job(1), source=Source.SPOOL, home="there"))
    assert taken(store, "here:1") is None
    assert taken(store, "here:1", away=("there",)) is None
    assert taken(store, "there:1") == "1.2.1"


def test_results_on_the_disk_of_one_that_is_away_are_made_again_from_the_pacs(store: Store) -> None:
    store.accept(a_job(1))
    running = store.claim("there:1", LEASE, NOW)
    assert running is not None
    delivering = store.analysed(running, [REPORT], {}, NOW)
    assert delivering is not None
    assert delivering.home == "there"
    waiting = store.advance(delivering, Event(EventKind.INTERRUPTED), NOW)
    assert waiting is not None
    assert taken(store, "here:1") is None
    again = store.claim("here:1", LEASE, NOW, ("there",))
    assert again is not None
    lost = store.advance(again, Event(EventKind.OBJECTS_LOST), NOW)
    assert lost is not None
    assert (lost.state, lost.home) == (JobState.QUEUED, None)


def test_urgent_jobs_come_first_and_one_that_waited_for_an_hour_is_as_urgent(store: Store) -> None:
    for number in range(1, 6):
        created = NOW + timedelta(minutes=number)
        store.accept(replace(a_job(number, created=created), priority=URGENT if number == 5 else 0))
    assert store.hurry(a_job(4).key)
    later = NOW + timedelta(minutes=30)
    assert [taken(store, "me", later) for _ in range(3)] == ["1.2.4", "1.2.5", "1.2.1"]
    store.accept(replace(a_job(6, created=NOW + timedelta(minutes=70)), priority=URGENT))
    assert [taken(store, "me", NOW + timedelta(minutes=80)) for _ in range(3)] == ["1.2.2", "1.2.3", "1.2.6"]


def test_a_series_that_is_asked_for_at_once_makes_its_jobs_urgent(store: Store) -> None:
    store.accept(a_job(1))
    store.accept(a_job(2))
    store.note_urgent("id-2")
    store.note_urgent("id-2")
    assert (store.is_urgent("id-2"), store.is_urgent("id-1")) == (True, False)
    assert taken(store, "me") == "1.2.2"


def test_a_clock_that_was_set_back_keeps_no_job_waiting_for_long(store: Store) -> None:
    store.accept(a_job(1, created=NOW + timedelta(hours=5)))
    assert taken(store, "me") == "1.2.1"
    done = finished(store, 2, "1.2.2")
    earlier = NOW - timedelta(hours=1)
    assert store.unsettled(JobState.DONE, earlier - timedelta(minutes=1), earlier) == (done,)


def test_what_waits_is_counted_with_its_age_and_whom_it_waits_for(store: Store) -> None:
    assert store.waiting().since is None
    store.accept(replace(a_job(1), source=Source.SPOOL, home="there"))
    store.accept(a_job(2, created=NOW - timedelta(minutes=5)))
    waiting = store.waiting()
    assert (waiting.since, dict(waiting.homes)) == (NOW - timedelta(minutes=5), {"there": 1})
    assert waiting.counts == {JobState.QUEUED: 2}
    store.check()


def test_what_ended_long_ago_is_deleted_with_all_that_belongs_to_it_and_nothing_else(store: Store) -> None:
    old, new = finished(store, 1, "1.2.1"), finished(store, 2, "1.2.2")
    store.settle(old.key)
    for series_id in (old.series_id, new.series_id):
        store.note_patient(series_id, {"age_years": 60})
        store.note_urgent(series_id)
    later = NOW + timedelta(days=30)
    assert store.forget(NOW) == 0
    assert store.forget(later) == 1
    assert (store.job(old.key), store.document(old.key), store.objects(old.key)) == (None, None, ())
    assert (store.patient(old.series_id), store.is_urgent(old.series_id)) == ({}, False)
    assert (store.patient(new.series_id), store.is_urgent(new.series_id)) == ({"age_years": 60}, True)
    assert store.job(new.key) == new  # not seen at its destination yet
    store.accept(a_job(3))
    assert (store.forget(later), store.counts()) == (0, {JobState.DONE: 1, JobState.QUEUED: 1})
    assert (store.is_settled(old.key), store.is_settled(new.key), store.is_settled(a_job(3).key)) == (
        True,
        False,
        False,
    )


def test_an_installation_that_works_on_the_table_is_known(store: Store) -> None:
    store.renew("here:1", LEASE)
    store.renew("here:2", LEASE + timedelta(seconds=1))
    assert store.services() == {"here": (LEASE + timedelta(seconds=1)).timestamp()}
