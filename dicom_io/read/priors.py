"""Earlier series of a patient → the examinations to compare with, and why others cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydicom.dataset import Dataset

from cad.domain import Caution, PriorScan
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.dates import ImageDate, image_date, text_of
from dicom_io.read.reading import LoadedSeries, load_series

IDENTITY_KEYWORDS = ("IssuerOfPatientID", "PatientBirthDate", "PatientSex")
"""What tells patients of the same PatientID apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """Earlier examinations, oldest first, with what a reader should know about those given.

    `acquired` is the day of the current one, None when its headers do not say. Nothing is left out without a caution.
    """

    scans: tuple[PriorScan, ...] = ()
    acquired: date | None = None
    cautions: tuple[Caution, ...] = ()

    @property
    def were_given(self) -> bool:
        """Whether there was anything to compare with, usable or not."""
        return bool(self.scans or self.cautions)


def load_priors(current: LoadedSeries, sources: Sequence[Path], policy: SeriesPolicy) -> Priors:
    """The examinations in folders, archives or files, one in each. A source that is refused gives a caution."""
    loaded: list[LoadedSeries] = []
    refused: list[Caution] = []
    for number, source in enumerate(sources, start=1):
        try:
            loaded.append(load_series([source], policy))
        except Refusal as refusal:
            text = f"Earlier series {number} cannot be read ({refusal.reason.value}): {refusal.text}."
            refused.append(Caution("prior-unsuitable", text))
    found = priors_of(current, loaded)
    return Priors(found.scans, found.acquired, (*refused, *found.cautions))


def priors_of(current: LoadedSeries, loaded: Sequence[LoadedSeries]) -> Priors:
    """Those of the series that are earlier examinations of the same patient.

    A patient is the same by PatientID and, where both series name them, by IssuerOfPatientID, birth date and sex;
    without an ID nobody is.
    The interval is between the days of acquisition; other dates are taken only with a caution.
    """
    today = image_date(_header(current))
    cautions: list[Caution] = [] if today is None else _date_cautions("current", today)
    scans: list[PriorScan] = []
    for series in loaded:
        scan = _prior_scan(current, today, series)
        if isinstance(scan, Caution):
            cautions.append(scan)
            continue
        then = image_date(_header(series))
        cautions += [] if then is None else _date_cautions("earlier", then)
        scans.append(scan)
    scans.sort(key=lambda scan: (-scan.interval_days, scan.series.series_uid))
    return Priors(tuple(scans), None if today is None else today.day, tuple(dict.fromkeys(cautions)))


def _prior_scan(current: LoadedSeries, today: ImageDate | None, series: LoadedSeries) -> PriorScan | Caution:
    """The series as an earlier examination, or why it is none."""
    patient = _other_patient(_header(current), _header(series))
    if patient is not None:
        return patient
    if series.series.series_uid == current.series.series_uid:
        return Caution("prior-same-series", "The earlier series given is the current one itself: not compared.")
    then = image_date(_header(series))
    if today is None or then is None:
        text = "The date of the current or of the earlier images is not known: not compared."
        return Caution("prior-date-unknown", text)
    days = (today.day - then.day).days
    if days <= 0:
        when = "of the same day as" if days == 0 else f"{-days} days later than"
        return Caution(
            "prior-not-earlier", f"A series given as an earlier one is {when} the current one: not compared."
        )
    return PriorScan(series.series, series.volume, then.day, float(days))


def _other_patient(current: Dataset, earlier: Dataset) -> Caution | None:
    """Why the series are not known to be of one patient; None when they are."""
    ids = [text_of(header, "PatientID") for header in (current, earlier)]
    if None in ids:
        text = "The current or the earlier images name no patient: not known to be of the same one, not compared."
        return Caution("prior-patient-unknown", text)
    if ids[0] != ids[1] or any(_differs(current, earlier, keyword) for keyword in IDENTITY_KEYWORDS):
        return Caution("prior-other-patient", "A series given as an earlier one is of another patient: not compared.")
    return None


def _differs(current: Dataset, earlier: Dataset, keyword: str) -> bool:
    """Whether both say something, and not the same."""
    one, other = text_of(current, keyword), text_of(earlier, keyword)
    return None not in (one, other) and one != other


def _date_cautions(which: str, found: ImageDate) -> list[Caution]:
    """That a date is not one of acquisition, so that intervals may be wrong."""
    if found.is_acquisition:
        return []
    text = f"The {which} images have no acquisition date; {found.keyword} was taken for intervals."
    return [Caution("date-not-of-acquisition", text)]


def _header(loaded: LoadedSeries) -> Dataset:
    return loaded.evidence.datasets[0]
