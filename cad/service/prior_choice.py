"""Which of a patient's studies can be compared with the current one, by what their indexes say. Pure.

Nothing is guessed: a study that might be another patient's is left out, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from cad.domain import Caution
from orthanc.pacs import PatientIdentity, SeriesEntry, StudySummary

CT = "CT"

_FIRST_OF_JANUARY = "0101"

NO_PATIENT_ID = Caution(
    "patient-id-missing", "The images have no patient ID; earlier examinations were not looked for."
)
NO_DATE = Caution(
    "acquisition-date-unknown", "The images have no acquisition date; earlier examinations cannot be told from later."
)


@dataclass(frozen=True, slots=True)
class Current:
    """The examination that earlier ones are looked for; `acquired` None when no date is stated."""

    study_uid: str
    patient: PatientIdentity
    acquired: date | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The studies that can be priors, most recent first, and what a reader should know of the others.

    `arriving`: one of the patient's earlier studies is not complete yet, so that more may become priors.
    """

    studies: tuple[StudySummary, ...]
    cautions: tuple[Caution, ...] = ()
    arriving: bool = False

    def fingerprint(self) -> tuple[str, ...]:
        """What a comparison depends on, in a form that equals itself as long as nothing came or went."""
        series = (f"{entry.series_uid}:{entry.instances}" for study in self.studies for entry in ct_series(study))
        codes = (caution.code for caution in self.cautions if caution is not NO_PATIENT_ID)
        return (*sorted(series), *sorted(codes))


def ct_series(study: StudySummary) -> tuple[SeriesEntry, ...]:
    """The CT series of a study of which nothing is still arriving."""
    return tuple(entry for entry in study.series if entry.modality == CT and entry.stable)


def earlier_studies(current: Current, studies: Iterable[StudySummary]) -> Earlier:
    """Of a patient's studies those acquired before the current one, most recent first.

    The same PatientID from another issuer, or with another birth date or sex, is another patient. An issuer that only
    one of two names is accepted when both name the same birth date.
    """
    if not current.patient.patient_id:
        return Earlier((), (NO_PATIENT_ID,))
    others = [study for study in studies if study.study_uid != current.study_uid and _has_ct(study)]
    mine = [study for study in others if is_same_patient(current.patient, study.patient)]
    cautions = _other_patients(len(others) - len(mine))
    if current.acquired is None:
        return Earlier((), (*cautions, NO_DATE) if mine else cautions)
    dated = [study for study in mine if study.acquired is not None]
    before = [study for study in dated if _date(study) < current.acquired]
    before.sort(key=lambda study: (_date(study), study.study_uid), reverse=True)
    return Earlier(
        tuple(study for study in before if ct_series(study)),
        (*cautions, *_undated(len(mine) - len(dated))),
        any(entry.modality == CT and not entry.stable for study in before for entry in study.series),
    )


def later_studies(current: Current, studies: Iterable[StudySummary]) -> tuple[StudySummary, ...]:
    """The studies that the current one may be a prior of; one whose date is unknown is among them."""
    others = (study for study in studies if study.study_uid != current.study_uid)
    return tuple(
        study
        for study in others
        if current.acquired is None or study.acquired is None or study.acquired > current.acquired
    )


def is_same_patient(one: PatientIdentity, other: PatientIdentity) -> bool:
    """Whether two studies are certainly of one patient."""
    if one.patient_id != other.patient_id or _conflict(one.sex, other.sex):
        return False
    if _births_conflict(one.birth_date, other.birth_date) or _conflict(one.issuer, other.issuer):
        return False
    same_birth_date = one.birth_date is not None and one.birth_date == other.birth_date
    return one.issuer == other.issuer or same_birth_date


def _births_conflict(one: str | None, other: str | None) -> bool:
    """Whether two birth dates exclude each other; the first of January stands for a day that is not known."""
    if one is not None and other is not None and one[:4] == other[:4]:
        return one != other and _FIRST_OF_JANUARY not in (one[4:], other[4:])
    return _conflict(one, other)


def merged(pacs: Iterable[StudySummary], archive: Iterable[StudySummary]) -> tuple[StudySummary, ...]:
    """Studies of both places, each once; of the archive only the series of which the PACS has less."""
    studies = {study.study_uid: study for study in pacs}
    for study in archive:
        known = studies.get(study.study_uid)
        studies[study.study_uid] = study if known is None else _completed(known, study)
    return tuple(studies.values())


def _completed(known: StudySummary, archived: StudySummary) -> StudySummary:
    here = {entry.series_uid: entry for entry in known.series}
    more = {
        entry.series_uid: entry
        for entry in archived.series
        if entry.series_uid not in here or here[entry.series_uid].instances < entry.instances
    }
    return replace(known, series=tuple({**here, **more}.values()))


def _has_ct(study: StudySummary) -> bool:
    return any(entry.modality == CT for entry in study.series)


def _conflict(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _date(study: StudySummary) -> date:
    assert study.acquired is not None
    return study.acquired


def _other_patients(count: int) -> tuple[Caution, ...]:
    if not count:
        return ()
    text = (
        f"{count} studies under the same patient ID were not compared: issuer, birth date or sex differ, or the issuer "
        "is not stated, so that they may be another patient's."
    )
    return (Caution("prior-of-another-patient", text),)


def _undated(count: int) -> tuple[Caution, ...]:
    if not count:
        return ()
    return (Caution("prior-date-unknown", f"{count} other studies have no date and were not compared."),)
