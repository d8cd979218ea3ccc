"""The life of a job: the table is enumerated, the rest are properties."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from cad.case.identity import job_key, series_key
from cad.domain import CtSeries, ModelIdentity
from cad.service.jobs import (
    TRANSITIONS,
    Event,
    EventKind,
    IllegalTransition,
    Job,
    JobState,
    RetryPolicy,
    Source,
    advance,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=7)
MODEL = ModelIdentity("detector", "1", "ab" * 32)
ENDS = {JobState.DONE, JobState.REFUSED, JobState.FAILED, JobState.SUPERSEDED}


def a_job(state: JobState = JobState.QUEUED, **changes: object) -> Job:
    job = Job("k" * 64, Source.PACS, "id", "1.2", ("1.2.1",), state, created=NOW, updated=NOW, not_before=NOW)
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(JobState, EventKind)))
def test_every_pair_is_either_in_the_table_or_illegal(state: JobState, kind: EventKind) -> None:
    job = a_job(state)
    if (state, kind) in TRANSITIONS:
        assert advance(job, Event(kind), LATER).state is TRANSITIONS[state, kind]
    else:
        with pytest.raises(IllegalTransition):
            advance(job, Event(kind), LATER)


def test_only_an_operator_or_a_newer_set_of_slices_moves_a_job_that_has_ended() -> None:
    leaving = {(state, kind) for state, kind in TRANSITIONS if state in ENDS}
    kinds = {kind for _, kind in leaving}
    assert kinds == {EventKind.RETRIED, EventKind.SUPERSEDED, EventKind.NOT_HELD, EventKind.EXHAUSTED}
    assert (JobState.DONE, EventKind.RETRIED) not in TRANSITIONS


def test_every_state_can_be_reached_from_queued() -> None:
    reached = {JobState.QUEUED}
    for _ in JobState:
        reached |= {after for (before, _kind), after in TRANSITIONS.items() if before in reached}
    assert reached == set(JobState)


def test_an_outage_while_delivering_never_leads_back_to_analysis() -> None:
    job = a_job(JobState.DELIVERING)
    for _ in range(100):
        job = advance(job, Event(EventKind.UNAVAILABLE, "pacs-unavailable"), job.not_before)
        assert job.state is JobState.DELIVERING


def test_a_claim_counts_and_carries_its_owner() -> None:
    claimed = advance(a_job(), Event(EventKind.CLAIMED, owner="me", lease_until=LATER), NOW)
    assert (claimed.claims, claimed.owner, claimed.lease_until) == (1, "me", LATER)


def test_results_on_disk_keep_the_owner_who_goes_on_to_deliver() -> None:
    running = a_job(JobState.RUNNING, owner="me", lease_until=LATER, claims=1)
    assert advance(running, Event(EventKind.ANALYSED), LATER).owner == "me"


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind not in {EventKind.CLAIMED, EventKind.ANALYSED}])
def test_every_other_event_ends_the_ownership(kind: EventKind) -> None:
    for state in (state for state, of in TRANSITIONS if of is kind):
        after = advance(a_job(state, owner="me", lease_until=LATER), Event(kind), LATER)
        assert after.owner is None
        assert after.lease_until is None


def test_outages_are_waited_for_without_limit_with_doubling_pauses() -> None:
    patience = RetryPolicy(first_delay_s=5, longest_delay_s=60)
    job = a_job(JobState.RUNNING)
    pauses = []
    for _ in range(50):
        job = advance(job, Event(EventKind.UNAVAILABLE, "pacs-unavailable"), NOW, patience)
        pauses.append((job.not_before - NOW).total_seconds())
        job = replace(job, state=JobState.RUNNING)
    assert pauses[:6] == [5, 10, 20, 40, 60, 60]
    assert pauses[-1] == 60


def test_the_third_crash_fails_the_job() -> None:
    job = a_job(JobState.RUNNING)
    states = []
    for _ in range(3):
        job = advance(replace(job, state=JobState.RUNNING), Event(EventKind.CRASHED, "bug"), NOW)
        states.append(job.state)
    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]
    assert job.code == "bug"


def test_a_job_that_kills_its_worker_each_time_fails_after_ten_interruptions() -> None:
    job = a_job(JobState.RUNNING)
    for _ in range(9):
        job = replace(advance(job, Event(EventKind.INTERRUPTED), NOW), state=JobState.RUNNING)
    assert advance(job, Event(EventKind.INTERRUPTED), NOW).state is JobState.FAILED


def test_the_first_interruption_costs_no_time() -> None:
    assert advance(a_job(JobState.RUNNING), Event(EventKind.INTERRUPTED), LATER).not_before == LATER


def test_a_retry_starts_with_a_clean_record() -> None:
    failed = a_job(JobState.FAILED, crashes=3, interruptions=2, waits=4, code="bug", text="x")
    retried = advance(failed, Event(EventKind.RETRIED), LATER)
    assert (retried.crashes, retried.interruptions, retried.waits, retried.code) == (0, 0, 0, None)
    assert retried.not_before == LATER


def test_a_refusal_keeps_its_reason_and_facts() -> None:
    event = Event(EventKind.REFUSED, "missing-slices", "3 slices are missing", {"missing": 3})
    refused = advance(a_job(JobState.RUNNING), event, LATER)
    assert (refused.code, refused.text, refused.facts) == ("missing-slices", "3 slices are missing", {"missing": 3})


@given(st.integers(1, 10_000))
def test_a_pause_never_shrinks_and_is_bounded(tries: int) -> None:
    patience = RetryPolicy()
    pause = patience.delay(tries)
    assert patience.delay(1) <= pause <= patience.delay(tries + 1) <= timedelta(seconds=patience.longest_delay_s)


@given(st.lists(st.sampled_from(list(EventKind)), max_size=40))
def test_any_history_of_legal_events_keeps_the_invariants(history: list[EventKind]) -> None:
    job = a_job()
    for kind in history:
        if (job.state, kind) not in TRANSITIONS:
            continue
        after = advance(job, Event(kind, owner="me", lease_until=LATER), LATER)
        assert after.key == job.key
        assert after.claims - job.claims == (kind is EventKind.CLAIMED)
        assert (after.state is JobState.RUNNING) <= (after.owner is not None)
        job = after


UIDS = st.lists(st.from_regex(r"[1-9]\.[0-9]{1,5}", fullmatch=True), min_size=1, max_size=8, unique=True)


@given(UIDS, st.randoms(use_true_random=False))
def test_the_order_in_which_slices_arrive_does_not_matter(uids: list[str], random: object) -> None:
    shuffled = sorted(uids, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert series_key("1.2", uids, "1", (MODEL,)) == series_key("1.2", shuffled, "1", (MODEL,))


@given(UIDS)
def test_another_slice_version_weight_or_series_is_another_job(uids: list[str]) -> None:
    other_weights = replace(MODEL, sha256="cd" * 32)
    keys = {
        series_key("1.2", uids, "1", (MODEL,)),
        series_key("1.2", [*uids, "9.9.9"], "1", (MODEL,)),
        series_key("1.3", uids, "1", (MODEL,)),
        series_key("1.2", uids, "2", (MODEL,)),
        series_key("1.2", uids, "1", (other_weights,)),
        series_key("1.2", uids, "1", ()),
    }
    assert len(keys) == 6


def test_the_key_of_a_read_series_is_the_key_of_its_announcement() -> None:
    series = CtSeries("1", "1.2", ("1.2.2", "1.2.1"), 2, (1, 1, 1), None, None, None, None, "the only one")
    assert job_key(series, "1", (MODEL,)) == series_key("1.2", ["1.2.1", "1.2.2"], "1", (MODEL,))
