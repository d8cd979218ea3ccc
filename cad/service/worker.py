"""One job: fetch → read → analyse → encode → persist → deliver → record; and the loop that everything runs in."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from cad.case.patient import clinical_context
from cad.domain import ClinicalContext, ModelIdentity
from cad.errors import Refusal, Unavailable
from cad.service.jobs import Event, EventKind, Job, JobState, Source
from cad.service.outbox import Outbox
from cad.service.prior_search import Choose, History, Library, Search, unknown_reports
from cad.service.store import DELIVERED_IN_PART, ObjectRecord, Store
from dicom_io.write.rejection import Replaced, rejection_note
from dicom_io.write.sr.predecessors import name_predecessors
from orthanc.pacs import Archive, Destination, Pacs
from orthanc.spool import Spool

logger = logging.getLogger(__name__)

REPORT = "SR"
"""Modality of a report."""

Clock = Callable[[], datetime]


class WorkerBug(Exception):
    """A bug of a job, named without its message: Dask logs what leaves a task, and messages may hold patient data."""


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisOutcome:
    """What was made of one series: the report objects, the findings document, and the map of a comparison."""

    objects: tuple[Dataset, ...]
    document: Mapping[str, object]
    comparison_map: bytes | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known beside the images, and when the job was made: the time of its results, whenever they are made."""

    context: ClinicalContext
    history: History
    at: datetime


Note = Callable[[Job, Sequence[Dataset], Refusal | None], Dataset | None]
"""Makes the object that says in the archive that a series was not analysed: of a job, the images and the refusal,
None when the analysis failed. It gives None where nobody expects a result."""


@dataclass(frozen=True, slots=True)
class SeriesAnalysis:
    """How the instances of a series and what is known beside them become results, and by which networks.

    `run` raises Refusal, and so does `choose`, which chooses the series to compare with. Without
    `note` nothing is left in the archive of a series that was not analysed.
    """

    models: tuple[ModelIdentity, ...]
    run: Callable[[Sequence[Dataset], Asked], AnalysisOutcome]
    choose: Choose
    note: Note | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything that a job touches. `rejection_notes`: whether results that are replaced are said to be rejected."""

    store: Store
    pacs: Pacs
    spool: Spool
    outbox: Outbox
    destination: Destination
    clock: Clock
    archive: Archive | None = None
    archive_tries: int = 3
    rejection_notes: bool = True

    @property
    def library(self) -> Library:
        """Where earlier examinations are looked for."""
        return Library(self.store, self.pacs, self.archive, self.archive_tries)


def execute(key: str, epoch: int, tools: Tools, analysis: SeriesAnalysis) -> None:
    """Carry a claimed job as far as it goes now and record how far that was.

    `epoch` is the job's `claims` when it was handed out: if it has moved on, somebody else has the job. A bug leaves
    as its own exception, for the dispatcher to record.
    """
    job = tools.store.job(key)
    if job is None or job.claims != epoch or job.owner is None:
        return
    try:
        _carry(job, tools, analysis)
    except Refusal as refusal:
        _record(job, Event(EventKind.REFUSED, refusal.reason.value, refusal.text, refusal.facts), tools)
    except Unavailable as outage:
        _record(job, Event(EventKind.UNAVAILABLE, outage.code, outage.text), tools)


def _carry(job: Job, tools: Tools, analysis: SeriesAnalysis) -> None:
    analysed = _analyse(job, tools, analysis) if job.state is JobState.RUNNING else job
    if analysed is not None:
        _deliver(analysed, tools)


def _record(job: Job, happening: Event, tools: Tools) -> None:
    """Record an end on the row as it is now, if it is still ours."""
    now = tools.store.job(job.key)
    if now is not None and now.claims == job.claims and now.owner == job.owner:
        tools.store.advance(now, happening, tools.clock())


def _analyse(job: Job, tools: Tools, analysis: SeriesAnalysis) -> Job | None:
    """The job with its results safe on disk; None when it was superseded meanwhile."""
    datasets = _fetch(job, tools)
    if {str(ds.SOPInstanceUID) for ds in datasets} != set(job.sop_uids):
        if job.source is Source.PACS:
            tools.store.watch(job.series_id)
        raise Unavailable("series", "slices were added or removed since; the series is looked at again")
    history = Search(job, tools.library, analysis.choose).history(datasets)
    outcome = _outcome(job, datasets, history, tools, analysis)
    _withdraw_note(job, outcome, tools)
    _name_predecessors(job, outcome, tools)
    objects = (*outcome.objects, *_rejections(job, outcome, tools))
    tools.outbox.keep(job.key, objects)
    records = [
        ObjectRecord(str(item.SOPInstanceUID), str(item.SeriesInstanceUID), str(item.Modality)) for item in objects
    ]
    return tools.store.analysed(job, records, outcome.document, tools.clock(), outcome.comparison_map)


def _outcome(
    job: Job, datasets: Sequence[Dataset], history: History, tools: Tools, analysis: SeriesAnalysis
) -> AnalysisOutcome:
    """The results. A refusal, and a crash that is the last to be tried, leave a note in the archive first."""
    try:
        asked = Asked(clinical_context(tools.store.patient(job.series_id)), history, job.created)
        return analysis.run(datasets, asked)
    except Unavailable:
        raise
    except Refusal as refusal:
        _leave_note(job, datasets, refusal, tools, analysis)
        raise
    except Exception:
        if tools.store.is_last_try(job):
            _leave_note(job, datasets, None, tools, analysis)
        raise


def _leave_note(
    job: Job, datasets: Sequence[Dataset], refusal: Refusal | None, tools: Tools, analysis: SeriesAnalysis
) -> None:
    """Send the note. Raises Unavailable, after which the job is tried again; a note that cannot be made is logged."""
    if analysis.note is None:
        return
    try:
        note = analysis.note(job, datasets, refusal)
    except Exception as bug:  # noqa: BLE001 - what was refused may be odd in any way; the refusal itself must stand
        logger.warning("job %s: no note could be made of it (%s)", job.key[:12], type(bug).__name__)
        return
    if note is not None:
        record = ObjectRecord(str(note.SOPInstanceUID), str(note.SeriesInstanceUID), str(note.Modality))
        tools.store.left_note(job, record)
        tools.destination.send((note,))


def _withdraw_note(job: Job, outcome: AnalysisOutcome, tools: Tools) -> None:
    """What an earlier try of this job left in the archive and this one does not replace goes."""
    now = {str(item.SOPInstanceUID) for item in outcome.objects}
    stale = [item.sop_uid for item in tools.store.objects(job.key) if item.sop_uid not in now]
    if stale:
        tools.destination.withdraw(stale)


def _name_predecessors(job: Job, outcome: AnalysisOutcome, tools: Tools) -> None:
    """A report on the same series that this one replaces is named in it, whether or not it can be withdrawn."""
    siblings = [one for one in tools.store.jobs_of_series(job.series_uid) if one.key != job.key]
    records = [record for one in siblings for record in tools.store.objects(one.key) if record.modality == REPORT]
    replaced = {record.sop_uid: record.series_uid for record in records}
    ours = {str(item.SOPInstanceUID) for item in outcome.objects}
    for report in unknown_reports(job, tools.library):
        if str(report.SOPInstanceUID) not in ours:
            replaced[str(report.SOPInstanceUID)] = str(report.SeriesInstanceUID)
    for item in outcome.objects:
        if item.Modality == REPORT:
            name_predecessors(item, replaced)


def _rejections(job: Job, outcome: AnalysisOutcome, tools: Tools) -> Iterator[Dataset]:
    """The note that what the archive still holds of earlier results on the same series is replaced."""
    if not tools.rejection_notes:
        return
    held = {one.key for one in tools.store.unsettled(JobState.SUPERSEDED, tools.clock(), tools.clock())}
    siblings = [one for one in tools.store.jobs_of_series(job.series_uid) if one.key != job.key and one.key in held]
    replaced = [
        Replaced(record.sop_uid, record.series_uid, record.modality)
        for one in siblings
        for record in tools.store.objects(one.key)
    ]
    report = next((item for item in outcome.objects if item.Modality == REPORT), None)
    note = None if report is None else rejection_note(report, replaced)
    if note is not None:
        yield note


def _fetch(job: Job, tools: Tools) -> tuple[Dataset, ...]:
    match job.source:
        case Source.PACS:
            return tools.pacs.fetch(job.series_id)
        case Source.SPOOL:
            return tools.spool.fetch(job.series_id)


def _deliver(job: Job, tools: Tools) -> None:
    """Send what the destination does not hold yet."""
    uids = [item.sop_uid for item in tools.store.objects(job.key)]
    held = tools.destination.held(uids) or frozenset()
    waiting = [uid for uid in uids if uid not in held]
    objects = tools.outbox.load(job.key, waiting)
    if objects is None:
        tools.store.advance(job, Event(EventKind.OBJECTS_LOST, "objects-lost"), tools.clock())
        return
    refused = tools.destination.send(objects) if objects else ()
    if refused:
        logger.error("job %s: delivered in part: %s", job.key[:12], "; ".join(refused))
    partly = (DELIVERED_IN_PART, "; ".join(refused)) if refused else (None, None)
    tools.store.advance(job, Event(EventKind.DELIVERED, *partly), tools.clock())


@dataclass(frozen=True, slots=True)
class LoopInterval:
    """When a loop goes round: the longest pause, what ends the pause early and what ends the loop."""

    pause_s: float
    wake: threading.Event
    stop: threading.Event


def run_loop(name: str, step: Callable[[], None], interval: LoopInterval) -> None:
    """Repeat `step` until stopped, whatever happens in it: outages and bugs are logged and the next round tries again.

    Every step compares what is with what should be, so that a lost round loses nothing.
    """
    outage: str | None = None
    while not interval.stop.is_set():
        try:
            step()
            if outage is not None:
                logger.info("%s: %s is available again", name, outage)
            outage = None
        except Unavailable as unavailable:
            if outage != unavailable.what:
                logger.warning("%s: %s (%s)", name, unavailable.text, unavailable.code)
            outage = unavailable.what
        except Exception as bug:  # noqa: BLE001 - the loop must outlive a bug; it is logged, never re-labelled
            logger.error("%s: %s", name, describe_bug(bug))
        interval.wake.wait(interval.pause_s)
        interval.wake.clear()


def describe_bug(bug: BaseException) -> str:
    """The type of an exception and where it was raised, without its message, which may hold patient data."""
    frames = "".join(traceback.format_tb(bug.__traceback__))
    return f"unexpected {type(bug).__name__}\n{frames}"
