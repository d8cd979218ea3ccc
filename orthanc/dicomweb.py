"""An archive asked by QIDO-RS, whose series come by WADO-RS."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pydicom
import requests
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from requests.adapters import HTTPAdapter

from cad.errors import Unavailable
from orthanc.client import DICOM_JSON_MIME, RETRIES
from orthanc.pacs import PatientIdentity, SeriesEntry, StudySummary, date_of, matching_key

NO_CONTENT = 204
CT = "CT"

PATIENT_ID, ISSUER, BIRTH_DATE, SEX = "00100020", "00100021", "00100030", "00100040"
STUDY_DATE, STUDY_UID, MODALITIES_IN_STUDY = "00080020", "0020000D", "00080061"
SERIES_UID, MODALITY, SERIES_INSTANCES = "0020000E", "00080060", "00201209"
"""Attributes of the answers, as DICOM JSON names them (PS3.18 F.2)."""

ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""As stored: what the archive holds is not to be transcoded (PS3.18 8.7.3.5.2)."""


@dataclass(frozen=True, slots=True)
class DicomWebConnection:
    """Where a DICOMweb service is, how to log in and how long to wait."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0


class WebArchive:
    """Meets `orthanc.pacs.Archive`."""

    fills_pacs = False

    def __init__(self, connection: DicomWebConnection) -> None:
        self._url = connection.url.rstrip("/")
        self._timeout_s = (connection.connect_timeout_s, connection.read_timeout_s)
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(max_retries=RETRIES))
        self._session.mount("https://", HTTPAdapter(max_retries=RETRIES))
        if connection.user is not None:
            self._session.auth = (connection.user, connection.password or "")

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        """The studies with CT of the patient with exactly this ID."""
        if not patient_id:
            return ()
        wanted = ",".join((ISSUER, BIRTH_DATE, SEX, MODALITIES_IN_STUDY))
        found = self._json(f"studies?PatientID={_query_value(patient_id)}&includefield={wanted}")
        mine = (item for item in found if _value(item, PATIENT_ID) == patient_id and _may_have_ct(item))
        studies = [self._study(item) for item in mine]
        return tuple(study for study in studies if any(series.modality == CT for series in study.series))

    def fetch(self, series: SeriesEntry) -> tuple[Dataset, ...]:
        """All instances of a series, in the transfer syntax that the archive has them in."""
        answer = self._get(f"studies/{series.study_uid}/series/{series.series_uid}", ANY_SYNTAX)
        try:
            datasets = tuple(pydicom.dcmread(io.BytesIO(part)) for part in _parts(answer))
        except (InvalidDicomError, EOFError) as error:
            raise _away("the archive sent an object that is not DICOM") from error
        if not datasets or len(datasets) < series.instances:
            raise _away(f"the archive sent {len(datasets)} of {series.instances} instances")
        return datasets

    def _study(self, item: dict[str, Any]) -> StudySummary:
        uid = _value(item, STUDY_UID) or ""
        identity = (_value(item, tag) for tag in (ISSUER, BIRTH_DATE, SEX))
        found = self._json(f"studies/{uid}/series?includefield={SERIES_INSTANCES}")
        return StudySummary(
            uid,
            PatientIdentity(_value(item, PATIENT_ID) or "", *identity),
            date_of(_value(item, STUDY_DATE)),
            tuple(entry for series in found if (entry := _entry(uid, series)) is not None),
        )

    def _json(self, path: str) -> list[dict[str, Any]]:
        answer = self._get(path, DICOM_JSON_MIME)
        if answer.status_code == NO_CONTENT or not answer.content:
            return []
        try:
            found = answer.json()
        except requests.JSONDecodeError as error:
            raise _away("the archive's answer is not JSON") from error
        if not isinstance(found, list):
            raise _away("the archive's answer is no list")
        return [item for item in found if isinstance(item, dict)]

    def _get(self, path: str, accept: str) -> requests.Response:
        try:
            answer = self._session.get(f"{self._url}/{path}", headers={"Accept": accept}, timeout=self._timeout_s)
        except requests.RequestException as error:
            raise _away(f"the archive cannot be reached ({type(error).__name__})") from error
        if not answer.ok:
            raise _away(f"the archive answered {answer.status_code}")
        return answer


def _query_value(patient_id: str) -> str:
    """A PatientID as a matching key in a URL. Orthanc's plug-in takes an encoded wild card for the character itself,
    so that "?" stands unencoded, which a query may hold (RFC 3986 3.4), and for all ASCII that would be encoded. The
    plug-in finds no ID with other letters; a service that decodes URLs does."""
    return quote(re.sub(r"[\x00-\x7f]", _plain, matching_key(patient_id)), safe="?")


def _plain(character: re.Match[str]) -> str:
    return character[0] if quote(character[0], safe="") == character[0] else "?"


def _parts(answer: requests.Response) -> Iterator[bytes]:
    """The bodies of a multipart/related answer (RFC 2387). Raises Unavailable when it is none."""
    found = re.search(r'boundary="?([^";]+)"?', answer.headers.get("Content-Type", ""))
    if found is None:
        raise _away("the archive's answer is not multipart")
    delimiter = b"\r\n--" + found[1].strip().encode()
    sections = (b"\r\n" + answer.content).split(delimiter)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise _away("the archive's answer broke off")
    for section in sections[1:-1]:
        _, _, body = section.partition(b"\r\n\r\n")
        yield body


def _entry(study_uid: str, item: dict[str, Any]) -> SeriesEntry | None:
    uid = _value(item, SERIES_UID)
    instances = _value(item, SERIES_INSTANCES) or "0"
    if uid is None:
        return None
    count = int(instances) if instances.isdecimal() else 0
    return SeriesEntry(uid, study_uid, uid, _value(item, MODALITY) or "", count, in_archive=True)


def _may_have_ct(item: dict[str, Any]) -> bool:
    """Whether the study has CT or the archive does not say what it has."""
    modalities = item.get(MODALITIES_IN_STUDY, {}).get("Value") or ()
    return not modalities or CT in modalities


def _value(item: dict[str, Any], tag: str) -> str | None:
    """The first value of an attribute in DICOM JSON, as text; None when it has none."""
    values = item.get(tag, {}).get("Value") or (None,)
    return None if values[0] is None else str(values[0]).strip() or None


def _away(text: str) -> Unavailable:
    return Unavailable("prior-archive", text)
