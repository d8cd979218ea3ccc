"""Intake, dispatch and worker together on an in-memory PACS, with an engine that the tests drive."""

from __future__ import annotations

import io
import logging
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from cad.domain import ClinicalContext, PatientFactors
from cad.errors import Reason, Refusal, Unavailable
from cad.service.intake import FIRST_REST_S
from cad.service.jobs import Job, JobState
from cad.service.prior_choice import NO_PATIENT_ID
from cad.service.prior_search import History
from cad.service.store import ObjectRecord
from cad.service.worker import AnalysisOutcome, Asked, LoopInterval, Note, SeriesAnalysis, execute, run_loop
from orthanc.in_memory import InMemoryPacs, id_of
from orthanc.pacs import SeriesSummary
from tests.made.benches import MODEL, SERIES, Bench, an_instance, slices


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def receive(bench: Bench, *numbers: int) -> None:
    bench.pacs.receive(slices(*numbers))
    bench.pacs.rest()


def test_a_series_becomes_one_result(bench: Bench) -> None:
    receive(bench, 1, 2, 3)
    bench.settle()
    assert bench.job().state is JobState.DONE
    assert bench.results() == (1, 1)
    document = bench.store.document(bench.job().key)
    assert document is not None
    assert document["nodules"] == 3
    assert bench.contexts == [ClinicalContext()]


def test_a_better_series_of_the_same_study_that_comes_later_is_read_as_well(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.settle()
    assert bench.results() == (1, 1)
    better = slices(1, 2, 3, 4)
    for image in better:
        image.SeriesInstanceUID = f"{SERIES}.9"
        image.SOPInstanceUID = f"{image.SOPInstanceUID}.9"
    bench.pacs.receive(better)
    bench.pacs.rest()
    bench.settle()
    read = {job.series_uid: (job.state, len(job.sop_uids)) for job in bench.store.jobs()}
    assert read == {SERIES: (JobState.DONE, 2), f"{SERIES}.9": (JobState.DONE, 4)}


def test_what_was_said_of_a_patient_reaches_the_reader(bench: Bench) -> None:
    bench.store.note_patient(id_of(SERIES), {"screening": True, "emphysema": False})
    receive(bench, 1)
    bench.settle()
    assert bench.contexts == [ClinicalContext(PatientFactors(screening=True, emphysema=False))]


def test_a_series_that_still_arrives_is_waited_for(bench: Bench) -> None:
    bench.pacs.receive(slices(1, 2))
    bench.take_in()
    assert bench.store.jobs() == ()
    bench.pacs.rest()
    bench.take_in()
    assert len(bench.job().sop_uids) == 2


def test_a_series_that_was_never_announced_as_stable_is_read(bench: Bench) -> None:
    bench.pacs.receive(slices(1, 2))
    bench.pacs.go_down()
    bench.pacs.come_up()
    bench.settle()
    assert bench.results() == (1, 1)


def test_a_late_slice_of_a_known_series_is_noticed_without_an_announcement(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.settle()
    bench.pacs.receive(slices(3))
    bench.pacs.go_down()
    bench.pacs.come_up()
    bench.settle()
    assert bench.read == [2, 3]
    assert bench.results() == (1, 1)


@pytest.mark.parametrize("again", [(1, 2, 3), (2,)])
def test_what_is_sent_again_is_not_analysed_again(bench: Bench, again: tuple[int, ...]) -> None:
    receive(bench, 1, 2, 3)
    bench.settle()
    receive(bench, *again)
    bench.settle()
    assert (bench.read, bench.results()) == ([3], (1, 1))


def test_what_is_not_ct_and_what_we_made_is_ignored(bench: Bench) -> None:
    bench.pacs.receive([an_instance(1, "1.2.9", "MR"), an_instance(1, "1.2.8", "SR")])
    receive(bench, 1)
    bench.settle()
    assert [job.series_uid for job in bench.store.jobs()] == [SERIES]


def test_a_refusal_is_recorded_and_final(bench: Bench) -> None:
    bench.refusal = Refusal(Reason.MISSING_SLICES, "3 slices are missing", missing=3)
    receive(bench, 1, 2)
    bench.settle()
    job = bench.job()
    assert (job.state, job.code, job.facts) == (JobState.REFUSED, "missing-slices", {"missing": 3})
    assert (bench.read, bench.results()) == ([2], (0, 0))


def test_a_report_names_the_one_that_it_replaces(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.settle()
    (first,) = bench.pacs.instances("SR")
    assert "PredecessorDocumentsSequence" not in first
    receive(bench, 3)
    bench.settle()
    (second,) = bench.pacs.instances("SR")
    (study,) = second.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert study.StudyInstanceUID == second.StudyInstanceUID
    assert series.SeriesInstanceUID == first.SeriesInstanceUID
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence] == [first.SOPInstanceUID]


def a_note(reasons: list[str | None]) -> Note:
    def note(job: Job, datasets: Sequence[Dataset], refusal: Refusal | None) -> Dataset | None:
        reasons.append(None if refusal is None else refusal.reason.value)
        return an_instance(1, f"2.25.{int(job.key[:12], 16)}", "SR")

    return note


def test_a_refusal_leaves_a_note_in_the_archive_that_goes_when_the_series_has_a_result(bench: Bench) -> None:
    reasons: list[str | None] = []
    bench.note = a_note(reasons)
    bench.refusal = Refusal(Reason.MISSING_SLICES, "3 slices are missing", missing=3)
    receive(bench, 1, 2)
    bench.settle()
    assert bench.job().state is JobState.REFUSED
    assert (reasons, bench.results()) == (["missing-slices"], (1, 0))
    bench.refusal = None
    receive(bench, 3)
    bench.settle()
    assert [job.state for job in bench.store.jobs()] == [JobState.DONE, JobState.SUPERSEDED]
    bench.settle()
    assert bench.results() == (1, 1)


def test_a_crash_leaves_a_note_only_when_it_is_the_last_to_be_tried(bench: Bench) -> None:
    reasons: list[str | None] = []

    def crash(datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        raise ZeroDivisionError

    receive(bench, 1)
    bench.take_in()
    for tries in (1, 2, 3):
        key, epoch = bench.engine.submitted[0]
        with pytest.raises(ZeroDivisionError):
            execute(key, epoch, bench.tools, SeriesAnalysis((MODEL,), crash, list, a_note(reasons)))
        assert len(reasons) == tries // 3
        bench.engine.end(ZeroDivisionError())
        bench.dispatcher.step()
        bench.now += timedelta(hours=1)
        bench.dispatcher.step()
    assert bench.job().state is JobState.FAILED
    assert (reasons, bench.results()) == ([None], (1, 0))


def test_a_note_that_cannot_be_made_does_not_hide_the_refusal(bench: Bench) -> None:
    def odd(job: Job, datasets: Sequence[Dataset], refusal: Refusal | None) -> Dataset | None:
        raise AttributeError

    bench.note = odd
    bench.refusal = Refusal(Reason.MISSING_SLICES, "3 slices are missing", missing=3)
    receive(bench, 1, 2)
    bench.settle()
    assert (bench.job().state, bench.results()) == (JobState.REFUSED, (0, 0))


def test_a_note_waits_for_the_archive(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(objects: Sequence[Dataset]) -> None:
        raise Unavailable("pacs", "full")

    bench.note = a_note([])
    bench.refusal = Refusal(Reason.MISSING_SLICES, "3 slices are missing", missing=3)
    receive(bench, 1, 2)
    with monkeypatch.context() as patched:
        patched.setattr(bench.pacs, "send", refuse)
        bench.take_in()
        bench.work()
        assert bench.job().state is JobState.QUEUED
    bench.settle()
    assert bench.job().state is JobState.REFUSED
    assert bench.results() == (1, 0)


def test_a_series_that_was_deleted_meanwhile_is_refused(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    bench.pacs.withdraw([f"{SERIES}.1"])
    bench.work()
    assert bench.job().code == "not-in-pacs"


def test_slices_that_come_between_announcement_and_reading_make_a_job_of_their_own(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.take_in()
    receive(bench, 3)
    bench.settle()
    assert bench.read == [3]
    assert [job.state for job in bench.store.jobs()] == [JobState.DONE, JobState.SUPERSEDED]


def test_a_newer_set_of_slices_withdraws_the_older_result_once_it_has_its_own(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.settle()
    first = bench.store.objects(bench.job().key)
    receive(bench, 3)
    bench.take_in()
    assert bench.results() == (1, 1)
    bench.settle()
    assert bench.results() == (1, 1)
    assert bench.pacs.held([item.sop_uid for item in first]) == frozenset()


def test_the_map_of_a_comparison_is_kept_with_the_result_and_withdrawn_with_it(bench: Bench) -> None:
    reads = bench.analysis().run

    def read(datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        return replace(reads(datasets, asked), comparison_map=b"map")

    receive(bench, 1, 2)
    bench.take_in()
    key, epoch = bench.engine.submitted[0]
    execute(key, epoch, bench.tools, SeriesAnalysis((MODEL,), read, list))
    assert bench.store.comparison_map(key) == b"map"
    bench.engine.end()
    receive(bench, 3)
    bench.settle()
    assert bench.results() == (1, 1)
    assert bench.store.comparison_map(key) is None


def test_an_analysis_that_was_superseded_while_it_ran_leaves_nothing(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.take_in()
    old = bench.engine.submitted[0]
    receive(bench, 3)
    bench.intake.step()
    execute(*old, bench.tools, bench.analysis())
    assert bench.results() == (0, 0)
    bench.engine.end()
    bench.settle()
    assert bench.results() == (1, 1)


def test_a_pacs_that_is_down_delays_the_delivery_and_not_the_science(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.take_in()
    key, epoch = bench.engine.submitted[0]

    def read(datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        bench.pacs.go_down()
        return bench.analysis().run(datasets, asked)

    analysis = SeriesAnalysis((MODEL,), read, list)
    execute(key, epoch, bench.tools, analysis)
    assert bench.job().state is JobState.DELIVERING
    bench.engine.end()
    bench.pacs.come_up()
    bench.settle()
    assert (bench.read, bench.results()) == ([2], (1, 1))


def test_results_that_are_there_already_are_not_sent_again(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    key, epoch = bench.engine.submitted[0]
    bench.pacs.send(bench._read(slices(1), Asked(ClinicalContext(), History((), (NO_PATIENT_ID,)), bench.now)).objects)
    execute(key, epoch, bench.tools, bench.analysis())
    assert bench.job().state is JobState.DONE
    assert bench.pacs.uploads == 2


def test_results_that_vanished_from_our_disk_are_made_again(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    key, epoch = bench.engine.submitted[0]
    execute(key, epoch, replace(bench.tools, destination=DownPacs()), bench.analysis())
    assert bench.job().state is JobState.DELIVERING
    shutil.rmtree(bench.outbox_folder / key)
    bench.engine.end()
    bench.settle()
    assert (bench.read, bench.results()) == ([1, 1], (1, 1))


class DownPacs(InMemoryPacs):
    """A destination that is always down."""

    def check(self) -> None:
        raise Unavailable("pacs", "away")


def test_a_result_that_the_pacs_lost_right_after_accepting_it_is_sent_again(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    bench.work()
    bench.pacs.withdraw([ds.SOPInstanceUID for ds in bench.pacs.instances("SR")])
    bench.settle()
    assert (bench.read, bench.results()) == ([1], (1, 1))


def test_a_result_that_somebody_deletes_later_is_not_forced_back(bench: Bench) -> None:
    receive(bench, 1)
    bench.settle()
    assert list(bench.outbox_folder.iterdir()) == []
    bench.pacs.withdraw([ds.SOPInstanceUID for ds in bench.pacs.instances("SR")])
    bench.settle()
    assert bench.results() == (0, 1)


@pytest.mark.parametrize("executed", [False, True])
def test_a_power_cut_before_or_after_the_work_ends_with_one_result(bench: Bench, executed: bool) -> None:
    receive(bench, 1, 2)
    bench.take_in()
    if executed:
        execute(*bench.engine.submitted[0], bench.tools, bench.analysis())
    bench.restart("boot-2")
    bench.settle()
    assert bench.results() == (1, 1)
    assert bench.job().state is JobState.DONE


def test_a_worker_that_was_believed_dead_cannot_disturb_its_successor(bench: Bench) -> None:
    receive(bench, 1, 2)
    bench.take_in()
    stale = bench.engine.submitted[0]
    bench.restart("boot-2")
    bench.take_in()
    execute(*stale, bench.tools, bench.analysis())
    assert bench.read == []
    bench.settle()
    assert bench.results() == (1, 1)


def test_a_lost_worker_costs_an_interruption(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    bench.engine.end(lost=True)
    bench.settle()
    assert (bench.job().interruptions, bench.job().state) == (1, JobState.DONE)


def test_a_bug_is_tried_three_times_and_its_message_is_not_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    receive(bench, 1)
    for _ in range(8):
        bench.now += timedelta(minutes=3)
        bench.take_in()
        if bench.engine.submitted:
            bench.engine.end(KeyError("PATIENT^NAME"))
    assert (bench.job().state, bench.job().crashes, bench.job().claims) == (JobState.FAILED, 3, 3)
    assert "KeyError" in caplog.text
    assert "PATIENT" not in caplog.text


def test_an_orderly_stop_gives_the_job_back_without_a_mark(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    bench.dispatcher.release()
    assert (bench.job().state, bench.job().owner, bench.job().interruptions) == (JobState.QUEUED, None, 0)


def test_another_installation_takes_over_only_when_the_lease_has_run_out(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    bench.restart("boot-9", installation="elsewhere")
    bench.now += timedelta(minutes=1)
    bench.take_in()
    assert bench.engine.submitted == []
    bench.now += timedelta(minutes=2)
    bench.take_in()
    assert len(bench.engine.submitted) == 1


def test_one_analysis_at_a_time(bench: Bench) -> None:
    bench.pacs.receive([an_instance(1, f"1.2.{n}") for n in range(5)])
    bench.pacs.rest()
    bench.take_in()
    bench.take_in()
    assert len(bench.engine.submitted) == 1
    bench.settle()
    assert bench.store.counts() == {JobState.DONE: 5}


def test_a_change_log_that_starts_anew_is_read_from_its_beginning(bench: Bench) -> None:
    receive(bench, 1)
    bench.settle()
    bench.pacs._log.clear()
    receive(bench, 1, 2)
    bench.settle()
    assert bench.read == [1, 2]


def spooled(bench: Bench, *numbers: int) -> str:
    """Slices as the listener leaves them."""
    folder = ""
    for ds in slices(*numbers):
        path = bench.outbox_folder.parent / "encoded.dcm"
        ds.save_as(path, enforce_file_format=True)
        folder = bench.spool.keep(ds.SeriesInstanceUID, ds.SOPInstanceUID, path.read_bytes())
    return folder


def test_a_received_series_is_read_and_some_of_its_slices_again_are_not(bench: Bench) -> None:
    folder = spooled(bench, 1, 2, 3)
    bench.settle()
    bench.spool.discard(folder)
    bench.spool_intake.step()
    spooled(bench, 2)
    bench.settle()
    assert (bench.read, bench.results()) == ([3], (1, 1))


def test_a_received_series_is_kept_until_its_job_has_ended_and_its_time_is_over(bench: Bench) -> None:
    folder = spooled(bench, 1)
    bench.now = datetime.now(UTC) + timedelta(days=2)
    bench.take_in()
    assert bench.spool.resting(0) == (folder,)
    bench.settle()
    assert bench.spool.resting(0) == ()
    assert bench.results() == (1, 1)


def test_a_loop_outlives_outages_and_bugs_and_logs_an_outage_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stop, wake = threading.Event(), threading.Event()
    happenings = [Unavailable("pacs", "away"), Unavailable("pacs", "away"), None, ValueError("PATIENT^NAME"), None]
    pending = list(happenings)

    def step() -> None:
        happening = pending.pop(0)
        if not pending:
            stop.set()
        if happening is not None:
            raise happening

    run_loop("intake", step, LoopInterval(0.0, wake, stop))
    assert pending == []
    assert caplog.text.count("away") == 1
    assert "available again" in caplog.text
    assert "ValueError" in caplog.text
    assert "PATIENT" not in caplog.text


def test_the_pacs_in_memory_gives_its_own_ids() -> None:
    assert id_of(SERIES) != SERIES


def test_a_corrected_name_makes_the_results_again_and_rejects_the_old_ones(bench: Bench) -> None:
    def named(name: str) -> list[Dataset]:
        images = slices(1, 2)
        for image in images:
            image.PatientName, image.PatientID = name, "P1"
        return images

    bench.pacs.receive(named("WRONG^NAME"))
    bench.pacs.rest()
    bench.settle()
    (first,), old = bench.pacs.instances("SR"), bench.job()
    bench.pacs.receive(named("RIGHT^NAME"))
    bench.pacs.rest()
    bench.settle()
    bench.settle()
    assert bench.job().key != old.key
    assert bench.results() == (1, 1)
    (note,) = bench.pacs.instances("KO")
    rejected = [
        str(item.ReferencedSOPInstanceUID)
        for study in note.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    assert sorted(rejected) == sorted(item.sop_uid for item in bench.store.objects(old.key))
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert first.SOPInstanceUID in rejected


def test_no_rejection_note_is_left_where_none_is_wanted(bench: Bench) -> None:
    bench.tools = replace(bench.tools, rejection_notes=False)
    receive(bench, 1, 2)
    bench.settle()
    receive(bench, 3)
    bench.settle()
    assert [job.state for job in bench.store.jobs()] == [JobState.DONE, JobState.SUPERSEDED]
    assert bench.pacs.instances("KO") == ()


def test_results_have_the_time_of_their_job_whenever_they_are_made(bench: Bench) -> None:
    times = []

    def read(datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        times.append(asked.at)
        raise Unavailable("disk", "the folder of results cannot be used")

    receive(bench, 1)
    bench.take_in()
    created = bench.now
    for _ in range(2):
        key, epoch = bench.engine.submitted[0]
        execute(key, epoch, bench.tools, SeriesAnalysis((MODEL,), read, list))
        bench.engine.end()
        bench.now += timedelta(hours=1)
        bench.dispatcher.step()
    assert times == [created, created]


def test_one_series_that_cannot_be_looked_at_stops_no_other_and_is_tried_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, summary = id_of(SERIES), bench.pacs.summary
    tries: list[datetime] = []

    def odd(series_id: str) -> SeriesSummary | None:
        if series_id == bad and len(tries) < 2:
            tries.append(bench.now)
            raise Unavailable("pacs", "Orthanc answered 500") if len(tries) == 1 else KeyError("MainDicomTags")
        return summary(series_id)

    monkeypatch.setattr(bench.pacs, "summary", odd)
    bench.pacs.receive([*slices(1, 2), an_instance(1, "1.2.9", "CT", "1.2")])
    bench.pacs.rest()
    bench.take_in()
    assert bench.job("1.2.9").state is JobState.RUNNING
    assert bench.store.jobs_of_series(SERIES) == ()
    bench.intake.step()
    assert len(tries) == 1
    for _ in range(3):
        bench.now += timedelta(minutes=2)
        bench.settle()
    assert tries[1] - tries[0] >= timedelta(seconds=FIRST_REST_S)
    assert bench.job().state is JobState.DONE


def test_a_pacs_that_is_away_is_an_outage_and_no_series_is_blamed(bench: Bench) -> None:
    receive(bench, 1)
    bench.pacs.go_down()
    with pytest.raises(Unavailable):
        bench.intake.step()
    bench.pacs.come_up()
    bench.settle()
    assert bench.job().state is JobState.DONE


def test_a_received_series_that_cannot_be_read_is_set_aside_with_its_reason(bench: Bench, tmp_path: Path) -> None:
    for series in ("1.2.7", "1.2.8"):
        content = io.BytesIO()
        an_instance(1, series).save_as(content, enforce_file_format=True)
        encoded = content.getvalue()
        if series == "1.2.7":  # a Modality of VR US and three bytes
            encoded = encoded.replace(b"\x08\x00\x60\x00CS\x02\x00CT", b"\x08\x00\x60\x00US\x03\x00CT ")
        bench.spool.keep(series, f"{series}.1", encoded)
    bench.settle()
    assert bench.job("1.2.8").state is JobState.DONE
    assert len(bench.spool.aside()) == 1
    (reason,) = (tmp_path / "spool" / "aside").glob("*/reason.txt")
    assert reason.read_text().strip().isidentifier()
    bench.settle()
    assert len(bench.spool.aside()) == 1


def test_what_the_destination_refuses_for_good_is_said_and_the_job_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send = bench.pacs.send

    def picky(objects: Sequence[Dataset]) -> tuple[str, ...]:
        send([item for item in objects if item.Modality != "SEG"])
        return ("the C-STORE destination does not accept Segmentation Storage",)

    monkeypatch.setattr(bench.pacs, "send", picky)
    monkeypatch.setattr(bench.pacs, "held", lambda _uids: None)
    receive(bench, 1)
    bench.settle()
    job = bench.job()
    assert (job.state, job.code) == (JobState.DONE, "delivered-in-part")
    assert job.text is not None
    assert "Segmentation" in job.text
    assert "Segmentation" in caplog.text
    assert bench.results() == (1, 0)


def test_an_archive_that_says_stored_and_drops_it_ends_as_failed_and_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = bench.pacs.send

    def forgetful(objects: Sequence[Dataset]) -> tuple[str, ...]:
        send(objects)
        bench.pacs.withdraw([str(item.SOPInstanceUID) for item in objects if item.Modality == "SEG"])
        return ()

    monkeypatch.setattr(bench.pacs, "send", forgetful)
    receive(bench, 1)
    for _ in range(60):
        bench.now += timedelta(hours=1)
        bench.settle()
    job = bench.job()
    assert (job.state, job.code, bench.read) == (JobState.FAILED, "not-held", [1])
    assert job.text == "the destination said that it stored SEG and does not hold it"


def test_the_results_of_a_job_that_another_service_confirmed_leave_our_disk(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    bench.work()
    assert bench.job().state is JobState.DONE
    bench.store.settle(bench.job().key)  # as the other service does
    assert any(bench.outbox_folder.iterdir())
    bench.take_in()
    assert not any(bench.outbox_folder.iterdir())


def test_an_analysis_that_does_not_end_is_given_up_and_fails_after_three(bench: Bench) -> None:
    receive(bench, 1)
    for _ in range(3):
        bench.take_in()
        assert len(bench.engine.submitted) == 1
        bench.take_in()
        bench.now += timedelta(minutes=31)
        bench.take_in()
        assert bench.engine.submitted == []
        bench.take_in()
        bench.now += timedelta(minutes=1)
    assert (bench.job().state, bench.job().code) == (JobState.FAILED, "too-long")


def test_a_delivery_that_does_not_end_is_given_up_and_tried_again_without_limit(bench: Bench) -> None:
    receive(bench, 1)
    bench.take_in()
    job = bench.job()
    delivering = bench.store.analysed(job, [ObjectRecord("2.25.1", "2.25.2", "SR")], {}, bench.now)
    assert delivering is not None
    for _ in range(5):
        bench.take_in()
        bench.now += timedelta(minutes=16)
        bench.take_in()
        bench.take_in()
        assert (bench.job().state, bench.job().code) == (JobState.DELIVERING, "too-long"), bench.job()
        bench.now += timedelta(minutes=6)
        bench.take_in()


def test_nothing_is_claimed_while_no_worker_is_there(bench: Bench) -> None:
    receive(bench, 1)
    bench.engine.workers = 0
    bench.settle()
    assert (bench.job().state, bench.job().claims, bench.job().interruptions) == (JobState.QUEUED, 0, 0)
    bench.engine.workers = 1
    bench.settle()
    assert bench.job().state is JobState.DONE


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(hours=2)])
def test_a_lease_is_judged_by_how_long_it_stood_still_whatever_the_clocks_say(bench: Bench, jump: timedelta) -> None:
    receive(bench, 1)
    bench.take_in()
    steady = bench.now.timestamp()
    bench.restart("boot-9", installation="elsewhere", monotonic=lambda: steady)
    bench.now += jump
    bench.take_in()
    assert bench.engine.submitted == []
    steady += 60
    bench.take_in()
    assert bench.engine.submitted == []
    steady += 70
    bench.take_in()
    assert len(bench.engine.submitted) == 1


def test_a_received_series_waits_for_the_service_that_has_it(bench: Bench) -> None:
    content = io.BytesIO()
    an_instance(1, "1.2.7").save_as(content, enforce_file_format=True)
    bench.spool.keep("1.2.7", "1.2.7.1", content.getvalue())
    bench.spool_intake.step()
    bench.restart("boot-9", installation="elsewhere")
    bench.now += timedelta(hours=1)
    bench.dispatcher.step()
    bench.now += timedelta(hours=1)
    bench.dispatcher.step()
    assert bench.engine.submitted == []
    bench.restart("boot-2")
    bench.settle()
    assert bench.job("1.2.7").state is JobState.DONE


def test_a_received_series_that_says_so_is_urgent(bench: Bench) -> None:
    for series, priority in (("1.2.7", None), ("1.2.8", "STAT")):
        image = an_instance(1, series)
        if priority is not None:
            image.RequestedProcedurePriority = priority
        content = io.BytesIO()
        image.save_as(content, enforce_file_format=True)
        bench.spool.keep(series, f"{series}.1", content.getvalue())
    bench.spool_intake.step()
    assert [bench.job(series).priority for series in ("1.2.7", "1.2.8")] == [0, 1]
