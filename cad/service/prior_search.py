"""Finds the earlier examinations of a job's patient, in the PACS and in the archive beside it, and brings them.

Two of them: the most recent one that is fit, which changes refer to, and the earliest, for the trend. What is missing,
unfit or of another patient is said and never guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from cad.domain import Caution
from cad.errors import Refusal, Unavailable
from cad.service.jobs import Job, Source
from cad.service.prior_choice import Current, Earlier, ct_series, earlier_studies, merged
from cad.service.store import Store
from dicom_io.read.dates import image_date, text_of
from dicom_io.read.readback import reported_series, segmentation_series
from orthanc.pacs import Archive, Pacs, PatientIdentity, SeriesEntry, StudySummary

logger = logging.getLogger(__name__)

MOST_WAITS = 5
"""How often a job waits for an earlier examination that is arriving or being read before it goes on without: two and a
half minutes, with pauses that double from 5 s. The current examination is the urgent one."""

MOST_TRIED = 3
"""How many unfit studies are fetched before the search is given up, from either end."""

MOST_SERIES = 4
"""How many CT series of an earlier study are fetched to choose from, those with most images first."""

ARCHIVE_UNAVAILABLE = Caution(
    "prior-archive-unavailable",
    "The archive of earlier examinations could not be used; what it holds was not compared.",
)
SEARCH_UNAVAILABLE = Caution(
    "prior-search-unavailable", "The PACS could not be used; earlier examinations in it were not compared."
)
STILL_ARRIVING = Caution(
    "prior-incomplete", "An earlier examination was still arriving and was not compared as far as it is incomplete."
)

Choose = Callable[[Sequence[Dataset]], Sequence[Dataset]]
"""The images of the series that is best for nodules among those of a study. Raises Refusal when none is fit."""


@dataclass(frozen=True, slots=True, eq=False)
class EarlierScan:
    """The images of one earlier CT series, and lungcad's own objects about it."""

    images: tuple[Dataset, ...]
    results: tuple[Dataset, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The earlier examinations to compare with, oldest first, and what a reader should know about others."""

    scans: tuple[EarlierScan, ...] = ()
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Library:
    """Where earlier examinations are looked for. `archive_tries`: how often before the archive is given up."""

    store: Store
    pacs: Pacs
    archive: Archive | None = None
    archive_tries: int = 3


@dataclass(slots=True)
class Search:
    """One job's search. `cautions` gather what is to be said."""

    job: Job
    library: Library
    choose: Choose
    cautions: list[Caution] = field(default_factory=list)

    def history(self, images: Sequence[Dataset]) -> History:
        """The earlier examinations of the patient of these images.

        Raises Unavailable when PACS or archive cannot be used now, or when an earlier examination should be waited for.
        """
        current = _current(images[0])
        if not current.patient.patient_id:
            return History((), earlier_studies(current, ()).cautions)
        earlier = self._earlier(current)
        latest = self._first_fit(earlier.studies)
        scans = [] if latest is None else [latest[1]]
        if latest is not None:
            older = earlier.studies[earlier.studies.index(latest[0]) + 1 :]
            earliest = self._first_fit(older[::-1])
            scans = scans if earliest is None else [earliest[1], *scans]
        return History(tuple(scans), tuple(dict.fromkeys((*earlier.cautions, *self.cautions))))

    def _earlier(self, current: Current) -> Earlier:
        patient_id = current.patient.patient_id
        studies = self._bounded(self.library.pacs, patient_id)
        if self.library.archive is not None:
            studies = merged(studies, self._bounded(self.library.archive, patient_id))
        earlier = earlier_studies(current, studies)
        if earlier.arriving and not self._has_waited():
            raise Unavailable("prior", "an earlier examination of the patient is still arriving")
        if earlier.arriving:
            self.cautions.append(STILL_ARRIVING)
        return earlier

    def _bounded(self, place: Pacs | Archive, patient_id: str) -> tuple[StudySummary, ...]:
        try:
            return place.studies_of(patient_id)
        except Unavailable as outage:
            self._give_up(outage)
            return ()

    def _give_up(self, outage: Unavailable) -> None:
        """Go on without what cannot be reached, with a caution, once it was tried often enough; else raise.

        The PACS is waited for without limit by a job that reads from it.
        """
        is_archive = outage.what == "prior-archive"
        if self.job.waits + 1 < self.library.archive_tries or not (is_archive or self.job.source is Source.SPOOL):
            raise outage
        self.cautions.append(ARCHIVE_UNAVAILABLE if is_archive else SEARCH_UNAVAILABLE)

    def _first_fit(self, studies: Iterable[StudySummary]) -> tuple[StudySummary, EarlierScan] | None:
        """The first of the studies that can be compared; a caution for each before it."""
        for study in tuple(studies)[:MOST_TRIED]:
            self._wait_for(study)
            try:
                return study, self._scan(study)
            except Refusal as refusal:
                text = f"An earlier examination is unfit for comparison ({refusal.reason.value}): {refusal.text}."
                self.cautions.append(Caution("prior-unsuitable", text))
            except Unavailable as outage:
                self._give_up(outage)
        return None

    def _wait_for(self, study: StudySummary) -> None:
        """Let the earlier examination be read first, so that its report is there and its nodules have their names."""
        unfinished = any(self.library.store.is_unfinished(entry.series_uid) for entry in ct_series(study))
        if unfinished and not self._has_waited():
            raise Unavailable("prior", "an earlier examination of the patient is read first")

    def _has_waited(self) -> bool:
        return self.job.waits >= MOST_WAITS

    def _scan(self, study: StudySummary) -> EarlierScan:
        """The series of a study that is best to compare with: of those that we reported on, or of all."""
        reports = self._own_reports(study)
        reported = {reported_series(report) for report in reports}
        entries = ct_series(study)
        candidates = [entry for entry in entries if entry.series_uid in reported] or list(entries)
        candidates.sort(key=lambda entry: (-entry.instances, entry.series_uid))
        fetched = [image for entry in candidates[:MOST_SERIES] for image in self._fetch(entry)]
        images = tuple(self.choose(fetched))
        about_it = [report for report in reports if reported_series(report) == str(images[0].SeriesInstanceUID)]
        segmentations = {uid for report in about_it for uid in segmentation_series(report)}
        more = [
            item for entry in study.series if entry.series_uid in segmentations for item in self._fetch_or_none(entry)
        ]
        return EarlierScan(images, (*about_it, *more))

    def _own_reports(self, study: StudySummary) -> list[Dataset]:
        """lungcad's reports in a study, without those that newer ones of ours have replaced."""
        found = [item for entry in study.series if entry.modality == "SR" for item in self._fetch_or_none(entry)]
        store = self.library.store
        return [item for item in found if reported_series(item) and not store.is_outdated(str(item.SOPInstanceUID))]

    def _fetch_or_none(self, entry: SeriesEntry) -> tuple[Dataset, ...]:
        """As `_fetch`; nothing where there is nothing to read: the images are analysed then."""
        try:
            return self._fetch(entry)
        except Refusal:
            return ()

    def _fetch(self, entry: SeriesEntry) -> tuple[Dataset, ...]:
        """A series from where it is. What we bring into the PACS is noted first: it gets no report of its own."""
        archive = self.library.archive
        if not entry.in_archive or archive is None:
            return self.library.pacs.fetch(entry.series_id)
        if archive.fills_pacs and self.library.pacs.find_series(entry.series_uid) is None:
            self.library.store.note_fetched(entry.series_uid)
        return archive.fetch(entry)


def unknown_reports(job: Job, library: Library) -> tuple[Dataset, ...]:
    """lungcad's reports on a job's series that the PACS has and the job table does not know: it was lost or restored.

    None when the PACS cannot be asked now: what was analysed is not given up for that.
    """
    try:
        return _unknown_reports(job, library)
    except Unavailable:
        logger.warning("job %s: earlier reports on its series cannot be looked for now", job.key[:12])
        return ()


def _unknown_reports(job: Job, library: Library) -> tuple[Dataset, ...]:
    place = job.series_id if job.source is Source.PACS else library.pacs.find_series(job.series_uid)
    study = None if place is None else library.pacs.study_of(place)
    if study is None:
        return ()
    known = {
        record.series_uid
        for one in library.store.jobs_of_series(job.series_uid)
        for record in library.store.objects(one.key)
    }
    entries = [entry for entry in study.series if entry.modality == "SR" and entry.series_uid not in known]
    found = [item for entry in entries for item in _fetched(library.pacs, entry)]
    return tuple(item for item in found if reported_series(item) == job.series_uid)


def _fetched(pacs: Pacs, entry: SeriesEntry) -> tuple[Dataset, ...]:
    try:
        return pacs.fetch(entry.series_id)
    except Refusal:
        return ()


def _current(image: Dataset) -> Current:
    found = image_date(image)
    issuer, born, sex = (text_of(image, keyword) for keyword in ("IssuerOfPatientID", "PatientBirthDate", "PatientSex"))
    return Current(
        text_of(image, "StudyInstanceUID") or "",
        PatientIdentity(text_of(image, "PatientID") or "", issuer, born, sex),
        None if found is None else found.day,
    )
