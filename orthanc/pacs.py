"""What the service needs of a PACS, as records and protocols; the real one and the in-memory one both meet them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of the PACS's change log.

    `series` and `instances` are the PACS's own ids of what is new or has become stable, without repetition and in the
    order of the log; `last` is the sequence number to continue from; `complete` says that the log ends here.
    """

    series: tuple[str, ...]
    instances: tuple[str, ...]
    last: int
    complete: bool


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """What the PACS's index knows of one series, without reading a file.

    `stable` is the PACS's opinion that no more slices are coming; until then `sop_uids` is empty. `urgent`: its images
    say that it is wanted at once.
    """

    series_id: str
    series_uid: str
    modality: str
    sop_uids: tuple[str, ...]
    stable: bool
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """Whom a study is of, as its index says: patient data, which is never shown or logged. None: not stated.

    `birth_date` is as in DICOM (YYYYMMDD), `sex` one of its letters.
    """

    patient_id: str = field(repr=False)
    issuer: str | None = field(default=None, repr=False)
    birth_date: str | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series in the index of the PACS, whose own id is `series_id`, or `in_archive`, where it repeats the UID.

    `stable` is the PACS's opinion that no more instances are coming.
    """

    series_id: str
    study_uid: str
    series_uid: str
    modality: str
    instances: int
    stable: bool = True
    in_archive: bool = False


@dataclass(frozen=True, slots=True)
class StudySummary:
    """What an index knows of one study; `acquired` is the date of its images, or else of the study.

    `identity` is a digest of what results repeat of patient and study: it changes when one of them is corrected.
    """

    study_uid: str
    patient: PatientIdentity
    acquired: date | None
    series: tuple[SeriesEntry, ...]
    identity: str = ""


PRIORITY_KEYWORDS = ("RequestedProcedurePriority", "StudyPriorityID")
"""Where a modality or an order may say that an examination is wanted at once (PS3.3 C.4.11; the second is retired)."""

AT_ONCE = frozenset({"STAT", "HIGH"})


def is_at_once(text: str) -> bool:
    """Whether the text of a priority, padded as it may be, asks for an examination at once."""
    return text.strip("\0 ") in AT_ONCE


REPEATED_KEYWORDS = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber")
"""What a person corrects and a page shows."""


def identity_digest(values: Iterable[object]) -> str:
    """A digest of these values (None where not stated) in their order, which shows nothing of them.

    Empty when none is stated.
    """
    texts = ["" if value is None else str(value).strip() for value in values]
    if not any(texts):
        return ""
    return hashlib.sha256("".join(f"{len(text)}:{text}," for text in texts).encode()).hexdigest()[:16]


def matching_key(patient_id: str) -> str:
    """A PatientID as a matching key; what matches must still be compared with the ID itself.

    DICOM's wild cards cannot be escaped (PS3.4 C.2.2.2.4) and a backslash separates values; "?" stands for each.
    """
    return re.sub(r"[*?\\]", "?", patient_id)


def date_of(text: str | None) -> date | None:
    """The date of a DA or DT value; None when it is none."""
    digits = (text or "").strip()[: len("YYYYMMDD")]
    try:
        return datetime.strptime(digits, "%Y%m%d").date() if digits.isdecimal() else None  # noqa: DTZ007 - no time
    except ValueError:
        return None


class Archive(Protocol):
    """Where earlier studies may be beside the PACS. Every method raises Unavailable("prior-archive")."""

    @property
    def fills_pacs(self) -> bool:
        """Whether a series that is fetched stays in the PACS."""
        ...

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        """The studies with CT of the patient with exactly this ID, whoever issued it; none for an empty ID."""
        ...

    def fetch(self, series: SeriesEntry) -> tuple[Dataset, ...]:
        """All instances of a series, with pixel data."""
        ...


class Destination(Protocol):
    """Where results go. Every method raises Unavailable when the peer cannot be used now."""

    def held(self, sop_uids: Sequence[str]) -> frozenset[str] | None:
        """Which of these instances the destination holds; None when it cannot be asked."""
        ...

    def send(self, objects: Sequence[Dataset]) -> tuple[str, ...]:
        """Store the objects; storing one that is already there changes nothing that matters.

        What the destination will never take, in words without patient data; empty when it has everything.
        """
        ...

    def forget(self, sop_uids: Sequence[str]) -> None:
        """It was seen that these are held; nothing more need be known of them here."""
        ...

    def withdraw(self, sop_uids: Sequence[str]) -> None:
        """Remove these instances of ours, as far as the destination allows it; absent ones are no error."""
        ...


class Pacs(Destination, Protocol):
    """A PACS that can be followed and read."""

    def changes(self, since: int, not_before: datetime | None) -> ChangePage:
        """The page of changes after sequence number `since`, leaving out those older than `not_before`."""
        ...

    def last_change(self) -> int:
        """The sequence number of the newest change; 0 when there is none."""
        ...

    def series_of(self, instance_id: str) -> tuple[str, frozenset[str]] | None:
        """The series of an instance and all instance ids of that series; None when it is no longer there."""
        ...

    def summary(self, series_id: str) -> SeriesSummary | None:
        """What the index knows of a series; None when it is not there."""
        ...

    def fetch(self, series_id: str) -> tuple[Dataset, ...]:
        """All instances of a series with pixel data. Raises Refusal (not-in-pacs) when it is not there."""
        ...

    def study_of(self, series_id: str) -> StudySummary | None:
        """The study that holds a series; None when it is not there."""
        ...

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        """The studies with CT of the patient with exactly this ID, whoever issued it; none for an empty ID."""
        ...

    def find_series(self, series_uid: str) -> str | None:
        """The PACS's own id of the series with this Series Instance UID; None when it has none."""
        ...

    def check(self) -> None:
        """Raise Unavailable unless the PACS answers."""
        ...
