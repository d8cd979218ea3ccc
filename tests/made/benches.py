"""A whole service on an in-memory PACS, with an engine that tests drive and an analysis that needs no networks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import Comprehensive3DSRStorage, CTImageStorage, ExplicitVRLittleEndian

from cad.domain import ClinicalContext, ModelIdentity
from cad.errors import Reason, Refusal
from cad.service.dispatch import Dispatcher, Ownership, Plan
from cad.service.engine import Ended, Ticket
from cad.service.intake import Identity, PacsIntake, SpoolIntake, SpoolRules
from cad.service.jobs import Job, JobState, RetryPolicy
from cad.service.outbox import Outbox
from cad.service.prior_search import History
from cad.service.store import Store
from cad.service.worker import AnalysisOutcome, Asked, Note, SeriesAnalysis, Tools, execute
from dicom_io.write.identity import MANUFACTURER, MODEL_NAME
from orthanc.in_memory import InMemoryPacs
from orthanc.spool import Spool

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MODEL = ModelIdentity("detector", "1", "ab" * 32)
IDENTITY = Identity("1.0", (MODEL,))
SERIES = "1.2.3"


def an_instance(number: int, series: str = SERIES, modality: str = "CT", study: str = "1.2") -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, f"{series}.{number}"
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.Modality = series, study, modality
    return ds


def slices(*numbers: int) -> list[Dataset]:
    return [an_instance(number) for number in numbers]


def a_visit(
    date: str, count: int = 3, patient_id: str = "P1", identity: Mapping[str, str] | None = None
) -> list[Dataset]:
    """A CT series of a patient on a day, in a study of its own; `identity` are attributes of the patient."""
    images = [an_instance(n, f"1.3.{date}.1", study=f"1.3.{date}") for n in range(1, count + 1)]
    for ds in images:
        ds.AcquisitionDate = ds.StudyDate = date
        for keyword, value in {"PatientID": patient_id, **(identity or {})}.items():
            setattr(ds, keyword, value)
    return images


def series_of(visit: Sequence[Dataset]) -> str:
    return str(visit[0].SeriesInstanceUID)


def tracking_uid(history: History, series_uid: str) -> str:
    """The name of the one nodule: of the oldest report, else of the oldest series that shows it."""
    reported = [str(scan.results[0].TrackingUID) for scan in history.scans if scan.results]
    named = [*reported, *(str(scan.images[0].SeriesInstanceUID) for scan in history.scans), series_uid]
    return named[0]


def a_report(name: str, images: Sequence[Dataset], tracking: str) -> Dataset:
    """A report of ours on a series, as far as it is recognised as one."""
    report = an_instance(1, f"{name}.1", "SR", str(images[0].StudyInstanceUID))
    report.SOPClassUID = Comprehensive3DSRStorage
    report.Manufacturer, report.ManufacturerModelName, report.TrackingUID = MANUFACTURER, MODEL_NAME, tracking
    report.SeriesNumber, report.SoftwareVersions, report.DeviceSerialNumber = 91, "1.0", "2.25.1"
    report.SeriesDate = report.ContentDate = report.InstanceCreationDate = "20260301"
    report.SeriesTime = report.ContentTime = report.InstanceCreationTime = "120000"
    report.TimezoneOffsetFromUTC = "+0000"
    study, series = Dataset(), Dataset()
    study.StudyInstanceUID, series.SeriesInstanceUID = images[0].StudyInstanceUID, images[0].SeriesInstanceUID
    series.ReferencedSOPSequence = [_reference(image) for image in images]
    study.ReferencedSeriesSequence = [series]
    report.CurrentRequestedProcedureEvidenceSequence = [study]
    return report


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return item


@dataclass
class DrivenEngine:
    """Executes nothing by itself; `lose` and `forget` are what crashes do."""

    submitted: list[Ticket] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    workers: int = 1

    def free(self) -> int:
        return self.workers - len(self.submitted)

    def abandon(self, ticket: Ticket, why: str) -> None:
        self.submitted.remove(ticket)
        self.ended.append(Ended(ticket, given_up=why))

    def submit(self, ticket: Ticket) -> None:
        self.submitted.append(ticket)

    def collect(self) -> tuple[Ended, ...]:
        over, self.ended = tuple(self.ended), []
        return over

    def running(self) -> frozenset[Ticket]:
        return frozenset([*self.submitted, *(ended.ticket for ended in self.ended)])

    def end(self, bug: BaseException | None = None, *, lost: bool = False) -> None:
        self.ended.append(Ended(self.submitted.pop(0), bug, lost))


class Bench:
    """A whole service without processes. `restart` is a power cut: engine and boot are new, the disk is not."""

    def __init__(self, folder: Path, pacs: InMemoryPacs | None = None) -> None:
        self.now = START
        self.pacs = pacs or InMemoryPacs()
        self.spool = Spool(folder / "spool")
        self.outbox_folder = folder / "outbox"
        self.store = Store(f"sqlite:///{folder / 'jobs.sqlite'}", RetryPolicy())
        self.store.upgrade_tables()
        outbox = Outbox(self.outbox_folder)
        self.tools = Tools(
            store=self.store,
            pacs=self.pacs,
            spool=self.spool,
            outbox=outbox,
            destination=self.pacs,
            clock=lambda: self.now,
        )
        self.refusal: Refusal | None = None
        self.note: Note | None = None
        self.read: list[int] = []
        self.contexts: list[ClinicalContext] = []
        self.unfit: set[str] = set()
        self.restart("boot-1")

    def restart(self, boot: str, installation: str = "here", monotonic: Callable[[], float] | None = None) -> None:
        clock = self.tools.clock
        self.engine = DrivenEngine()
        ownership = Ownership(installation, boot, timedelta(minutes=2))
        plan = Plan(1, timedelta(0), timedelta(minutes=1), monotonic=monotonic or (lambda: self.now.timestamp()))
        self.dispatcher = Dispatcher(self.engine, self.tools, ownership, plan)
        self.intake = PacsIntake(self.pacs, self.store, IDENTITY, timedelta(hours=24), clock)
        self.spool_intake = SpoolIntake(self.spool, self.store, IDENTITY, SpoolRules(0, 24, installation), clock)

    def analysis(self) -> SeriesAnalysis:
        return SeriesAnalysis((MODEL,), self._read, self._choose, self.note)

    def _choose(self, images: Sequence[Dataset]) -> Sequence[Dataset]:
        if series_of(images) in self.unfit:
            raise Refusal(Reason.TOO_FEW_SLICES, "too few slices")
        return images

    def _read(self, datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        self.read.append(len(datasets))
        history = asked.history
        self.contexts.append(asked.context)
        if self.refusal is not None:
            raise self.refusal
        uids = sorted(str(ds.SOPInstanceUID) for ds in datasets)
        priors = [series_of(scan.images) for scan in history.scans]
        reports = [str(item.SOPInstanceUID) for scan in history.scans for item in scan.results]
        cautions = [caution.code for caution in history.cautions]
        said = (uids, priors, reports, cautions, str(datasets[0].get("PatientName")))
        digest = hashlib.sha256(repr(said).encode()).hexdigest()
        name = f"9.{int(digest[:16], 16)}"
        tracking = tracking_uid(history, series_of(datasets))
        seg = an_instance(1, f"{name}.2", "SEG", str(datasets[0].StudyInstanceUID))
        document = {"nodules": len(uids), "priors": priors, "tracking": tracking, "cautions": cautions}
        return AnalysisOutcome((a_report(name, datasets, tracking), seg), {**document, "reported": len(reports)})

    def take_in(self) -> None:
        self.intake.step()
        self.spool_intake.step()
        self.dispatcher.step()

    def work(self) -> None:
        """Execute what the engine was given, as a worker process would."""
        while self.engine.submitted:
            key, epoch = self.engine.submitted[0]
            execute(key, epoch, self.tools, self.analysis())
            self.engine.end()
            self.dispatcher.step()

    def settle(self, beats: int = 4) -> None:
        """Let everything go on for some minutes."""
        for _ in range(beats):
            self.now += timedelta(minutes=3)
            self.take_in()
            self.work()

    def results(self) -> tuple[int, int]:
        return len(self.pacs.instances("SR")), len(self.pacs.instances("SEG"))

    def job(self, series_uid: str = SERIES) -> Job:
        """The newest job of the series that stands."""
        jobs = self.store.jobs_of_series(series_uid)
        return next((job for job in jobs if job.state is not JobState.SUPERSEDED), jobs[0])
