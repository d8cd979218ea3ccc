"""A PACS in memory with the behaviour that matters to tests: change log, stability, overwriting, outages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from pydicom.dataset import Dataset

from cad.errors import Reason, Refusal, Unavailable
from orthanc.pacs import (
    REPEATED_KEYWORDS,
    ChangePage,
    PatientIdentity,
    SeriesEntry,
    SeriesSummary,
    StudySummary,
    date_of,
    identity_digest,
)

IDENTITY_KEYWORDS = ("IssuerOfPatientID", "PatientBirthDate", "PatientSex")
"""What tells patients of the same ID apart, in the order of `PatientIdentity`."""


class InMemoryPacs:
    """Meets `orthanc.pacs.Pacs`.

    Received instances wait in unstable series until `rest()`; `go_down()` and `come_up()` make an outage. A series
    that is not stable when the PACS goes down is never announced as stable, as with Orthanc.
    """

    def __init__(self) -> None:
        self._instances: dict[str, Dataset] = {}
        self._log: list[tuple[str, str]] = []
        self._unstable: set[str] = set()
        self._is_up = True
        self.uploads = 0

    # -- what happens to it -------------------------------------------------------------------------------------

    def receive(self, instances: Sequence[Dataset]) -> None:
        """Store instances as a modality would send them."""
        for ds in instances:
            series_id = id_of(ds.SeriesInstanceUID)
            known = series_id in {id_of(item.SeriesInstanceUID) for item in self._instances.values()}
            self._instances[str(ds.SOPInstanceUID)] = ds
            self._log.append(("NewInstance", id_of(ds.SOPInstanceUID)))
            if not known:
                self._log.append(("NewSeries", series_id))
            self._unstable.add(series_id)

    def rest(self) -> None:
        """Let time pass, so that every series becomes stable and is announced."""
        self._log.extend(("StableSeries", series_id) for series_id in sorted(self._unstable))
        self._unstable.clear()

    def go_down(self) -> None:
        """Stop answering and forget which series were still arriving."""
        self._is_up = False
        self._unstable.clear()

    def come_up(self) -> None:
        """Answer again."""
        self._is_up = True

    def instances(self, modality: str) -> tuple[Dataset, ...]:
        """What it holds of one modality."""
        return tuple(ds for ds in self._instances.values() if ds.Modality == modality)

    # -- what the service asks ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise Unavailable while down."""
        if not self._is_up:
            raise Unavailable("pacs", "the PACS is down")

    def changes(self, since: int, not_before: datetime | None) -> ChangePage:  # noqa: ARG002 - it keeps no dates
        """Everything after `since` in one page."""
        self.check()
        new = self._log[since:]
        series = dict.fromkeys(item for kind, item in new if kind in {"NewSeries", "StableSeries"})
        instances = dict.fromkeys(item for kind, item in new if kind == "NewInstance")
        return ChangePage(tuple(series), tuple(instances), len(self._log), complete=True)

    def last_change(self) -> int:
        """The length of the log."""
        self.check()
        return len(self._log)

    def series_of(self, instance_id: str) -> tuple[str, frozenset[str]] | None:
        """The series of an instance and all instance ids of that series."""
        self.check()
        for ds in self._instances.values():
            if id_of(ds.SOPInstanceUID) == instance_id:
                siblings = self._members(id_of(ds.SeriesInstanceUID))
                return id_of(ds.SeriesInstanceUID), frozenset(id_of(item.SOPInstanceUID) for item in siblings)
        return None

    def summary(self, series_id: str) -> SeriesSummary | None:
        """What it knows of a series."""
        self.check()
        members = self._members(series_id)
        if not members:
            return None
        first = members[0]
        stable = series_id not in self._unstable
        sop_uids = tuple(sorted(str(ds.SOPInstanceUID) for ds in members)) if stable else ()
        return SeriesSummary(series_id, str(first.SeriesInstanceUID), str(first.Modality), sop_uids, stable)

    def study_of(self, series_id: str) -> StudySummary | None:
        """The study that holds a series."""
        self.check()
        members = self._members(series_id)
        return self._study(str(members[0].StudyInstanceUID)) if members else None

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        """The studies with CT of the patient with exactly this ID."""
        self.check()
        if not patient_id:
            return ()
        uids = dict.fromkeys(
            str(ds.StudyInstanceUID)
            for ds in self._instances.values()
            if ds.Modality == "CT" and str(ds.get("PatientID") or "").strip() == patient_id
        )
        return tuple(self._study(uid) for uid in uids)

    def find_series(self, series_uid: str) -> str | None:
        """Its own id of a series."""
        self.check()
        return id_of(series_uid) if self._members(id_of(series_uid)) else None

    def _study(self, study_uid: str) -> StudySummary:
        members = [ds for ds in self._instances.values() if ds.StudyInstanceUID == study_uid]
        first = next((ds for ds in members if ds.Modality == "CT"), members[0])
        series = {str(ds.SeriesInstanceUID): ds for ds in members}
        entries = tuple(self._entry(ds) for ds in series.values())
        patient = PatientIdentity(
            str(first.get("PatientID") or "").strip(),
            *(str(first.get(keyword) or "") or None for keyword in IDENTITY_KEYWORDS),
        )
        acquired = date_of(first.get("AcquisitionDate")) or date_of(first.get("StudyDate"))
        identity = identity_digest(first.get(keyword) for keyword in REPEATED_KEYWORDS)
        return StudySummary(study_uid, patient, acquired, entries, identity)

    def _entry(self, ds: Dataset) -> SeriesEntry:
        series_id = id_of(ds.SeriesInstanceUID)
        return SeriesEntry(
            series_id=series_id,
            study_uid=str(ds.StudyInstanceUID),
            series_uid=str(ds.SeriesInstanceUID),
            modality=str(ds.Modality),
            instances=len(self._members(series_id)),
            stable=series_id not in self._unstable,
        )

    def fetch(self, series_id: str) -> tuple[Dataset, ...]:
        """The instances of a series."""
        self.check()
        members = self._members(series_id)
        if not members:
            raise Refusal(Reason.NOT_IN_PACS, "the PACS no longer has this series")
        return members

    def held(self, sop_uids: Sequence[str]) -> frozenset[str]:
        """Which of these it holds."""
        self.check()
        return frozenset(uid for uid in sop_uids if uid in self._instances)

    def send(self, objects: Sequence[Dataset]) -> tuple[str, ...]:
        """Store objects."""
        self.check()
        self.uploads += len(objects)
        self.receive(objects)
        return ()

    def forget(self, sop_uids: Sequence[str]) -> None:
        """Nothing is kept."""

    def withdraw(self, sop_uids: Sequence[str]) -> None:
        """Delete instances."""
        self.check()
        for uid in sop_uids:
            self._instances.pop(uid, None)

    def _members(self, series_id: str) -> tuple[Dataset, ...]:
        return tuple(ds for ds in self._instances.values() if id_of(ds.SeriesInstanceUID) == series_id)


def id_of(uid: str) -> str:
    """The PACS's own id of a resource: not its UID, as with Orthanc."""
    return hashlib.sha256(str(uid).encode()).hexdigest()[:40]
