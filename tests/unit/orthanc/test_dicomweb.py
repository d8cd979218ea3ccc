"""The DICOMweb archive: what it answers is taken or an outage, and no answer ends a job."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cad.errors import Unavailable
from orthanc.dicomweb import DicomWebConnection, WebArchive
from orthanc.pacs import SeriesEntry

SERIES = SeriesEntry("1.2.3", "1.2", "1.2.3", "CT", 2, in_archive=True)
MULTIPART = 'multipart/related; type="application/dicom"; boundary=here'


def an_object(number: int) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}"
    ds.PixelData = b"\r\n--her" * 4  # almost the boundary
    ds["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def multipart(*bodies: bytes, end: bytes = b"\r\n--here--\r\n") -> bytes:
    head = b"\r\n--here\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + body for body in bodies).removeprefix(b"\r\n") + end


@contextmanager
def answering(status: int, content: bytes, content_type: str) -> Iterator[tuple[WebArchive, list[str]]]:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield (
            WebArchive(DicomWebConnection(f"http://127.0.0.1:{server.server_address[1]}/dicom-web/", "me", "secret")),
            seen,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_objects_of_a_series_are_read_one_by_one() -> None:
    with answering(200, multipart(an_object(1), an_object(2)), MULTIPART) as (archive, seen):
        found = archive.fetch(SERIES)
    assert [str(ds.SOPInstanceUID) for ds in found] == ["1.2.3.1", "1.2.3.2"]
    assert seen == ["/dicom-web/studies/1.2/series/1.2.3"]


@pytest.mark.parametrize(
    ("status", "content", "content_type"),
    [
        (200, multipart(an_object(1)), MULTIPART),
        (200, multipart(an_object(1), an_object(2), end=b""), MULTIPART),
        (200, multipart(an_object(1), b"no dicom"), MULTIPART),
        (200, b"", MULTIPART),
        (200, an_object(1), "application/dicom"),
        (404, b"", "text/plain"),
        (503, b"", "text/plain"),
    ],
    ids=["too few", "broken off", "not dicom", "empty", "not multipart", "gone", "busy"],
)
def test_a_series_that_does_not_come_whole_is_an_outage(status: int, content: bytes, content_type: str) -> None:
    with answering(status, content, content_type) as (archive, _), pytest.raises(Unavailable) as outage:
        archive.fetch(SERIES)
    assert outage.value.what == "prior-archive"


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, b"<html>"), (200, b"{}"), (401, b"[]"), (500, b"[]")],
    ids=["no JSON", "no list", "refused", "broken"],
)
def test_an_answer_that_is_none_is_an_outage(status: int, content: bytes) -> None:
    with answering(status, content, "application/dicom+json") as (archive, _), pytest.raises(Unavailable):
        archive.studies_of("P1")


@pytest.mark.parametrize(("status", "content"), [(204, b""), (200, b""), (200, b"[]"), (200, b"[{}]")])
def test_no_studies_is_an_answer(status: int, content: bytes) -> None:
    with answering(status, content, "application/dicom+json") as (archive, seen):
        assert archive.studies_of("P 1*") == ()
        assert archive.studies_of("") == ()
    assert len(seen) == 1
    assert "PatientID=P?1?&" in seen[0]


def test_the_password_does_not_show() -> None:
    assert "secret" not in repr(DicomWebConnection("http://pacs", "me", "secret"))
