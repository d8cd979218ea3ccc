"""Orthanc over REST and DICOMweb: follow its change log, read series, store and withdraw results.

A thin wrapper of orthanc-api-client that supplies what the library lacks: time-outs, no repetition of a POST, no
`None` where an answer was promised, and its exceptions mapped one by one to what the caller can do.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pydicom
import requests
from orthanc_api_client import OrthancApiClient, exceptions as library
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from cad.errors import CadError, Reason, Refusal, Unavailable
from orthanc.pacs import (
    REPEATED_KEYWORDS,
    ChangePage,
    PatientIdentity,
    SeriesEntry,
    SeriesSummary,
    StudySummary,
    date_of,
    identity_digest,
    is_at_once,
    matching_key,
)

CHANGES_PER_PAGE = 1000
"""A study of a few thousand slices is read in a few requests; a page of this size is about 300 kB."""

DOWNLOADS_AT_ONCE = 4
"""Orthanc answers each file in milliseconds; four connections hide the latency and leave it room for others."""

CONNECTIONS_KEPT = 16
"""Downloads, intake, dispatcher and the API's threads share one client; more connections work but are not kept."""

RETRIES = Retry(
    total=3, connect=2, read=1, redirect=0, status=0, other=0, backoff_factor=0.2, allowed_methods=frozenset({"GET"})
)
"""A connection that was never made may be tried again for any method; an unanswered request only for GET. What is
neither, a certificate that cannot be verified, is not tried again."""

LARGEST_IMAGE = 1 << 30
"""Bytes. A classic image has half a megabyte, an enhanced one of 1,200 slices 630."""

PIECE = 1 << 18

CHANGES_OF_INTEREST = frozenset({"StableSeries", "NewSeries", "NewInstance"})
"""StableSeries alone is not enough: an Orthanc that stops before a series has rested never announces it."""

PRIORITY_TAGS = ("0040-1003", "0032-000c")
"""Requested Procedure Priority, and the retired Study Priority ID."""

DICOM_JSON_MIME = "application/dicom+json"
REFERENCED_SOP_SEQUENCE = "00081199"
REFERENCED_SOP_INSTANCE_UID = "00081155"


@dataclass(frozen=True, slots=True)
class OrthancConnection:
    """Where Orthanc is, how to log in, which authority vouches for it, and how long to wait: for a connection, in
    silence, and for one whole image."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    dicomweb_root: str = "dicom-web"
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    ca_file: Path | None = None
    image_s: float = 60.0


class OrthancPacs:
    """A running Orthanc as a `orthanc.pacs.Pacs`. Every method raises Unavailable when Orthanc cannot be used now."""

    def __init__(self, connection: OrthancConnection) -> None:
        self._api = _BoundedApi(connection)
        self._dicomweb_root = connection.dicomweb_root.strip("/")
        self._image_s = connection.image_s

    def check(self) -> None:
        """Raise Unavailable unless Orthanc answers."""
        self._api.json("system")

    def changes(self, since: int, not_before: datetime | None) -> ChangePage:
        """The page of changes after `since`; a log that was reset answers with a `last` below `since`."""
        page = self._api.json(f"changes?since={since}&limit={CHANGES_PER_PAGE}")
        kept = [
            change
            for change in page["Changes"]
            if change["ChangeType"] in CHANGES_OF_INTEREST and _is_recent(change["Date"], not_before)
        ]
        series = dict.fromkeys(change["ID"] for change in kept if change["ResourceType"] == "Series")
        instances = dict.fromkeys(change["ID"] for change in kept if change["ResourceType"] == "Instance")
        return ChangePage(tuple(series), tuple(instances), int(page["Last"]), bool(page["Done"]))

    def last_change(self) -> int:
        """The sequence number of the newest change."""
        return int(self._api.json("changes?last")["Last"])

    def series_of(self, instance_id: str) -> tuple[str, frozenset[str]] | None:
        """The series of an instance with all its instance ids; None when it is gone."""
        instance = self._api.json_or_none(f"instances/{instance_id}")
        series = None if instance is None else self._api.json_or_none(f"series/{instance['ParentSeries']}")
        return None if series is None else (str(series["ID"]), frozenset(series["Instances"]))

    def summary(self, series_id: str) -> SeriesSummary | None:
        """What Orthanc's index knows of a series, in one or two requests; None when it is gone."""
        series = self._api.json_or_none(f"series/{series_id}")
        if series is None:
            return None
        instances = self._api.json_or_none(f"series/{series_id}/instances") if series["IsStable"] else []
        if instances is None:
            return None
        tags = series["MainDicomTags"]
        return SeriesSummary(
            series_id=series_id,
            series_uid=str(tags["SeriesInstanceUID"]),
            modality=str(tags.get("Modality", "")),
            sop_uids=tuple(sorted(str(item["MainDicomTags"]["SOPInstanceUID"]) for item in instances)),
            stable=bool(series["IsStable"]),
            urgent=bool(instances) and self._is_urgent(str(instances[0]["ID"])),
        )

    def _is_urgent(self, instance_id: str) -> bool:
        """Whether an image says that its examination is wanted at once; Orthanc's index does not have it."""
        answers = (self._api.call_or_none("GET", f"instances/{instance_id}/content/{tag}") for tag in PRIORITY_TAGS)
        return any(answer is not None and is_at_once(answer.text) for answer in answers)

    def find_series(self, series_uid: str) -> str | None:
        """Orthanc's own id of the series with this Series Instance UID; None when it has none."""
        ids = self._lookup(series_uid, "Series")
        return ids[0] if ids else None

    def study_of(self, series_id: str) -> StudySummary | None:
        """The study that holds a series; None when it is gone."""
        series = self._api.json_or_none(f"series/{series_id}")
        study = None if series is None else self._api.json_or_none(f"studies/{series['ParentStudy']}")
        return None if study is None else self._study(study)

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        """The studies with CT of the patient with exactly this ID, whoever issued it; none for an empty ID."""
        if not patient_id:
            return ()
        query = {"PatientID": matching_key(patient_id), "ModalitiesInStudy": "CT"}
        find = {"Level": "Study", "Query": query, "CaseSensitive": True, "Expand": True}
        found = _parsed(self._api.call("POST", "tools/find", json=find))
        studies = (self._study(study) for study in found)
        return tuple(study for study in studies if study is not None and study.patient.patient_id == patient_id)

    def _study(self, study: Any) -> StudySummary | None:  # noqa: ANN401 - JSON has no better type
        """The summary of a study from Orthanc's record of it; None when it is gone meanwhile."""
        module = self._api.json_or_none(f"studies/{study['ID']}/module-patient?simplify")
        series = self._api.json_or_none(f"studies/{study['ID']}/series")
        if module is None or series is None:
            return None
        tags = study["MainDicomTags"]
        uid = str(tags["StudyInstanceUID"])
        patient = PatientIdentity(
            _text(module, "PatientID") or "",
            *(_text(module, keyword) for keyword in ("IssuerOfPatientID", "PatientBirthDate", "PatientSex")),
        )
        acquired = self._acquisition_date(series) or date_of(_text(tags, "StudyDate"))
        stated = {**tags, **module}
        identity = identity_digest(stated.get(keyword) for keyword in REPEATED_KEYWORDS)
        return StudySummary(uid, patient, acquired, tuple(_series_entry(item, uid) for item in series), identity)

    def _acquisition_date(self, series: Any) -> date | None:  # noqa: ANN401
        """The acquisition date of a study's CT images, by one of them; Orthanc's index does not have it."""
        images = (item["Instances"][0] for item in series if item["MainDicomTags"].get("Modality") == "CT")
        image = next(images, None)
        answer = None if image is None else self._api.call_or_none("GET", f"instances/{image}/content/0008-0022")
        return None if answer is None else date_of(answer.text)

    def fetch(self, series_id: str) -> tuple[Dataset, ...]:
        """All instances of a series with pixel data, in no particular order.

        Raises Refusal: not-in-pacs when the series is gone, corrupt-file when a file is not DICOM.
        """
        series = self._api.json_or_none(f"series/{series_id}")
        if series is None:
            raise _gone()
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            return tuple(pool.map(self._instance, series["Instances"]))

    def held(self, sop_uids: Sequence[str]) -> frozenset[str]:
        """Which of these instances Orthanc holds."""
        return frozenset(uid for uid in sop_uids if self._lookup(uid, "Instance"))

    def send(self, objects: Sequence[Dataset]) -> tuple[str, ...]:
        """Store the objects by STOW-RS, or by Orthanc's own upload where the DICOMweb plugin is not loaded."""
        if not self._send_by_stow(objects):
            for item in objects:
                self._api.call("POST", "instances", data=_encoded(item))
        return ()

    def forget(self, sop_uids: Sequence[str]) -> None:
        """Nothing is kept beside Orthanc's own index."""

    def withdraw(self, sop_uids: Sequence[str]) -> None:
        """Delete these instances; those that are not there are passed over."""
        for uid in sop_uids:
            for instance_id in self._lookup(uid, "Instance"):
                self._api.call_or_none("DELETE", f"instances/{instance_id}")

    def _instance(self, instance_id: str) -> Dataset:
        answer = self._api.call_or_none("GET", f"instances/{instance_id}/file", stream=True)
        if answer is None:
            raise _gone()
        with answer:
            content = _received(answer, self._image_s)
        try:
            return pydicom.dcmread(io.BytesIO(content))
        except InvalidDicomError as error:
            if "html" in answer.headers.get("Content-Type", "") or content.lstrip()[:1] == b"<":
                raise Unavailable("pacs", "something between us and Orthanc answered with a page") from error
            raise Refusal(Reason.CORRUPT_FILE, "an instance of the series is not a DICOM file") from error

    def _lookup(self, uid: str, level: str) -> list[str]:
        found = _parsed(self._api.call("POST", "tools/lookup", data=uid))
        return [str(item["ID"]) for item in found if item["Type"] == level]

    def _send_by_stow(self, objects: Sequence[Dataset]) -> bool:
        """Whether there was a STOW-RS service to take the objects. Raises Unavailable when it took only some."""
        boundary = secrets.token_hex(16)
        headers = {
            "Accept": DICOM_JSON_MIME,
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        }
        body = _multipart(boundary, [_encoded(item) for item in objects])
        answer = self._api.call_or_none("POST", f"{self._dicomweb_root}/studies", data=body, headers=headers)
        if answer is None:
            return False
        stored = _parsed(answer).get(REFERENCED_SOP_SEQUENCE, {}).get("Value", [])
        uids = {uid for item in stored for uid in item[REFERENCED_SOP_INSTANCE_UID]["Value"]}
        missing = {str(item.SOPInstanceUID) for item in objects} - uids
        if missing:
            raise Unavailable("pacs", f"Orthanc stored {len(objects) - len(missing)} of {len(objects)} objects")
        return True


class _BoundedApi(OrthancApiClient):  # type: ignore[misc]  # the library is not typed
    """The library's client with bounded time, no repeated POST and our errors."""

    def __init__(self, connection: OrthancConnection) -> None:
        super().__init__(connection.url.rstrip("/") + "/", user=connection.user, pwd=connection.password)
        self.connection = connection
        adapter = _BoundedAdapter((connection.connect_timeout_s, connection.read_timeout_s))
        for scheme in ("http://", "https://"):
            self._http_session.mount(scheme, adapter)
        if connection.ca_file is not None:
            self._http_session.verify = str(connection.ca_file)
            self._http_session.trust_env = False  # REQUESTS_CA_BUNDLE would replace what was asked for

    def call(self, method: str, endpoint: str, **arguments: Any) -> requests.Response:  # noqa: ANN401
        """One request. Raises Unavailable, Refusal (not-in-pacs for 404) or, for our own mistakes, the library's."""
        send: Callable[..., requests.Response | None] = getattr(self, method.lower())
        try:
            answer = send(endpoint, **arguments)
        except library.OrthancApiException as error:
            ours = as_outcome(error)
            if ours is None:
                raise
            raise ours from error
        except requests.JSONDecodeError as error:  # the library parses the body of a 409 unguarded
            raise Unavailable("pacs", "Orthanc's answer is not JSON") from error
        if answer is None:  # the library swallows an answer that broke off
            raise Unavailable("pacs", "Orthanc's answer broke off")
        return answer

    def call_or_none(self, method: str, endpoint: str, **arguments: Any) -> requests.Response | None:  # noqa: ANN401
        """One request; None when Orthanc does not know the resource (404)."""
        try:
            return self.call(method, endpoint, **arguments)
        except Refusal as refusal:
            if refusal.reason is not Reason.NOT_IN_PACS:
                raise
            return None

    def json(self, endpoint: str) -> Any:  # noqa: ANN401 - JSON has no better type
        """The JSON answer to a GET. Raises Unavailable when it is none."""
        return _parsed(self.call("GET", endpoint))

    def json_or_none(self, endpoint: str) -> Any:  # noqa: ANN401
        """As `json`; None when Orthanc does not know the resource."""
        answer = self.call_or_none("GET", endpoint)
        return None if answer is None else _parsed(answer)


class _BoundedAdapter(HTTPAdapter):
    """An adapter that never waits without limit."""

    def __init__(self, timeout_s: tuple[float, float]) -> None:
        self._timeout_s = timeout_s
        super().__init__(max_retries=RETRIES, pool_maxsize=CONNECTIONS_KEPT)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """As the base class, with our time-outs where none are given."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout_s
        return super().send(request, *args, **kwargs)


def as_outcome(error: library.OrthancApiException) -> CadError | None:
    """What an exception of orthanc-api-client means to the caller; None when it is our own mistake, that is, a bug."""
    match error:
        case library.ConnectionError() if isinstance(error.__context__, requests.exceptions.SSLError):
            return Unavailable("pacs", "the certificate of Orthanc cannot be verified")
        case library.ConnectionError():
            return Unavailable("pacs", "Orthanc cannot be reached")
        case library.TimeoutError():
            return Unavailable("pacs", "Orthanc took too long to answer")
        case library.ResourceNotFound():
            return _gone()
        case library.NotAuthorized() | library.Forbidden():
            return Unavailable("pacs", "Orthanc does not accept our user and password")
        case library.Conflict():
            return Unavailable("pacs", "Orthanc is storing the same instance at this moment")
        case library.TooManyResourcesFound():
            return Unavailable("pacs", "Orthanc's index is ambiguous")
        case library.BadFileFormat():
            return None
        case library.HttpError() if _is_temporary(error.http_status_code):
            return Unavailable("pacs", f"Orthanc answered {error.http_status_code}")
        case _:
            return None


def _is_temporary(status: int | None) -> bool:
    """Server errors, 408 Request Timeout and 429 Too Many Requests (RFC 9110, RFC 6585)."""
    return status is not None and (status >= 500 or status in {408, 429})


def _received(answer: requests.Response, longest_s: float) -> bytes:
    """The body of an answer, however slowly its pieces come: a sender that drips does not hold us for ever.

    Raises Unavailable when it breaks off or takes longer than `longest_s`, Refusal when it is larger than any image.
    """
    content = bytearray()
    end = time.monotonic() + longest_s
    try:
        while piece := answer.raw.read1(PIECE, decode_content=True):
            content += piece
            if len(content) > LARGEST_IMAGE:
                raise Refusal(Reason.CORRUPT_FILE, "an instance of the series is larger than any image")
            if time.monotonic() > end:
                raise Unavailable("pacs", f"Orthanc took longer than {longest_s:.0f} s to send an image")
    except (HTTPError, OSError) as error:
        raise Unavailable("pacs", "Orthanc's answer broke off") from error
    return bytes(content)


def _text(tags: Any, keyword: str) -> str | None:  # noqa: ANN401
    """A value of Orthanc's JSON without padding; None when it is absent, empty or no text."""
    value = tags.get(keyword)
    return value.strip() or None if isinstance(value, str) else None


def _series_entry(series: Any, study_uid: str) -> SeriesEntry:  # noqa: ANN401
    tags = series["MainDicomTags"]
    return SeriesEntry(
        series_id=str(series["ID"]),
        study_uid=study_uid,
        series_uid=str(tags["SeriesInstanceUID"]),
        modality=str(tags.get("Modality", "")),
        instances=len(series["Instances"]),
        stable=bool(series["IsStable"]),
    )


def _gone() -> Refusal:
    return Refusal(Reason.NOT_IN_PACS, "the PACS no longer has this series")


def _parsed(answer: requests.Response) -> Any:  # noqa: ANN401
    try:
        return answer.json()
    except requests.JSONDecodeError as error:
        raise Unavailable("pacs", "Orthanc's answer is not JSON") from error


def _is_recent(date: str, not_before: datetime | None) -> bool:
    """Whether a change's date (UTC, as 20260102T030405) is not before the given time."""
    if not_before is None:
        return True
    return datetime.strptime(date, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) >= not_before


def _encoded(item: Dataset) -> bytes:
    buffer = io.BytesIO()
    item.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _multipart(boundary: str, parts: Sequence[bytes]) -> bytes:
    """A multipart/related body (RFC 2387) of DICOM files, as DICOM PS3.18 10.5 asks for."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
