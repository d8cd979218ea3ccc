"""An archive asked by C-FIND, whose series come by C-MOVE into the PACS beside us.

Archives move only to destinations that they know, and they know the PACS already: they send it its studies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from cad.errors import Refusal, Unavailable
from orthanc.dimse import DimsePeer
from orthanc.pacs import Pacs, PatientIdentity, SeriesEntry, StudySummary, date_of, matching_key

FIND, MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove

SUCCESS = 0x0000
PENDING = frozenset({0xFF00, 0xFF01})
"""Statuses of C-FIND and C-MOVE (DICOM PS3.4 C.4.1.1.4, C.4.2.1.5)."""

CT = "CT"


class DimseArchive:
    """Meets `orthanc.pacs.Archive`. `move_to` is the AE title of `pacs`, as the archive knows it."""

    fills_pacs = True

    def __init__(self, peer: DimsePeer, move_to: str, pacs: Pacs) -> None:
        self._peer = peer
        self._move_to = move_to
        self._pacs = pacs

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        """The studies with CT of the patient with exactly this ID."""
        if not patient_id:
            return ()
        with self._association() as association:
            found = [
                answer
                for answer in _find(association, _study_query(patient_id))
                if _text(answer, "PatientID") == patient_id and _may_have_ct(answer)
            ]
            studies = [_study(answer, association) for answer in found]
        return tuple(study for study in studies if any(series.modality == CT for series in study.series))

    def fetch(self, series: SeriesEntry) -> tuple[Dataset, ...]:
        """All instances of a series, moved into the PACS unless it has them all, and read from there."""
        held = self._held(series)
        if len(held) < max(series.instances, 1):
            self._move(series)
            held = self._held(series)
        if not held or len(held) < series.instances:
            raise _away(f"{len(held)} of {series.instances} instances arrived in the PACS")
        return held

    def _held(self, series: SeriesEntry) -> tuple[Dataset, ...]:
        series_id = self._pacs.find_series(series.series_uid)
        try:
            return () if series_id is None else self._pacs.fetch(series_id)
        except Refusal as refusal:  # deleted meanwhile, or a file that is none
            raise _away(refusal.text) from refusal

    def _move(self, series: SeriesEntry) -> None:
        query = Dataset()
        query.QueryRetrieveLevel = "SERIES"
        query.StudyInstanceUID, query.SeriesInstanceUID = series.study_uid, series.series_uid
        with self._association() as association:
            for status, _ in association.send_c_move(query, self._move_to, MOVE):
                code = _status(status)
                if code not in PENDING and code != SUCCESS:
                    raise _away(f"the archive answered C-MOVE with 0x{code:04X}")

    @contextmanager
    def _association(self) -> Iterator[Association]:
        entity = AE(ae_title=self._peer.calling_aet)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self._peer.timeout_s
        entity.connection_timeout = self._peer.timeout_s
        for model in (FIND, MOVE):
            entity.add_requested_context(model)
        association = entity.associate(
            self._peer.host, self._peer.port, ae_title=self._peer.aet, tls_args=self._peer.tls_args()
        )
        if not association.is_established:
            raise _away("the archive does not accept an association")
        try:
            accepted = {context.abstract_syntax for context in association.accepted_contexts}
            if not accepted >= {FIND, MOVE}:
                raise _away("the archive does not offer C-FIND and C-MOVE of the study root")
            yield association
        finally:
            association.release()


def _study_query(patient_id: str) -> Dataset:
    query = Dataset()
    query.SpecificCharacterSet = "ISO_IR 192"
    query.QueryRetrieveLevel = "STUDY"
    query.PatientID = matching_key(patient_id)
    for keyword in ("IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyInstanceUID"):
        setattr(query, keyword, "")
    query.ModalitiesInStudy = ""
    return query


def _series_query(study_uid: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_uid
    for keyword in ("SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances"):
        setattr(query, keyword, None)
    return query


def _find(association: Association, query: Dataset) -> list[Dataset]:
    answers = []
    for status, identifier in association.send_c_find(query, FIND):
        code = _status(status)
        if code in PENDING and identifier is not None:
            answers.append(identifier)
        elif code not in PENDING and code != SUCCESS:
            raise _away(f"the archive answered C-FIND with 0x{code:04X}")
    return answers


def _status(status: Dataset) -> int:
    """The status of an answer. Raises Unavailable when there was none: the time is over or the peer is gone."""
    if "Status" not in status:
        raise _away("the archive did not answer in time")
    return int(status.Status)


def _study(answer: Dataset, association: Association) -> StudySummary:
    uid = _text(answer, "StudyInstanceUID") or ""
    identity = (_text(answer, keyword) for keyword in ("IssuerOfPatientID", "PatientBirthDate", "PatientSex"))
    found = _find(association, _series_query(uid))
    return StudySummary(
        uid,
        PatientIdentity(_text(answer, "PatientID") or "", *identity),
        date_of(_text(answer, "StudyDate")),
        tuple(entry for item in found if (entry := _entry(uid, item)) is not None),
    )


def _entry(study_uid: str, answer: Dataset) -> SeriesEntry | None:
    uid = _text(answer, "SeriesInstanceUID")
    instances = _text(answer, "NumberOfSeriesRelatedInstances") or "0"
    if uid is None:
        return None
    count = int(instances) if instances.isdecimal() else 0
    return SeriesEntry(uid, study_uid, uid, _text(answer, "Modality") or "", count, in_archive=True)


def _may_have_ct(answer: Dataset) -> bool:
    """Whether the study has CT or the archive does not say what it has."""
    modalities = answer.get("ModalitiesInStudy")
    return not modalities or CT in ([modalities] if isinstance(modalities, str) else list(modalities))


def _text(ds: Dataset, keyword: str) -> str | None:
    value = ds.get(keyword)
    return None if value is None else str(value).strip() or None


def _away(text: str) -> Unavailable:
    return Unavailable("prior-archive", text)
