"""The REST door: every library error has a meaning, no wait is endless, no POST is repeated."""

from __future__ import annotations

import inspect
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from orthanc_api_client import exceptions as library
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cad.errors import Reason, Refusal, Unavailable
from orthanc.client import OrthancConnection, OrthancPacs, as_outcome
from tests.made.certificates import Authority

LIBRARY_ERRORS = [
    value
    for _, value in inspect.getmembers(library, inspect.isclass)
    if issubclass(value, library.OrthancApiException) and value is not library.OrthancApiException
]
EXAMPLES: dict[type[library.OrthancApiException], tuple[library.OrthancApiException, str | None]] = {
    library.ConnectionError: (library.ConnectionError(), "pacs-unavailable"),
    library.TimeoutError: (library.TimeoutError(), "pacs-unavailable"),
    library.TooManyResourcesFound: (library.TooManyResourcesFound(), "pacs-unavailable"),
    library.HttpError: (library.HttpError(503), "pacs-unavailable"),
    library.ResourceNotFound: (library.ResourceNotFound(), "not-in-pacs"),
    library.NotAuthorized: (library.NotAuthorized(401), "pacs-unavailable"),
    library.Forbidden: (library.Forbidden(403), "pacs-unavailable"),
    library.BadFileFormat: (library.BadFileFormat(library.HttpError(400)), None),
    library.Conflict: (library.Conflict(), "pacs-unavailable"),
}
"""Every exception of the library and the code of what it becomes; None stays what it is, a bug of ours."""

Answer = Callable[[BaseHTTPRequestHandler], None]


def an_object() -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.34", "2.25.1"
    return ds


def reply(status: int, content: object) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        body = json.dumps(content).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"ff\r\n[")
    request.close_connection = True


@contextmanager
def a_server(answers: dict[str, Answer], tls: ssl.SSLContext | None = None) -> Iterator[tuple[OrthancPacs, list[str]]]:
    """A client and the requests that reach its server, which answers by the first word of the path."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(f"{self.command} {self.path}")
            answers.get(self.path.strip("/").split("/")[0].split("?")[0], reply(404, {}))(self)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names are the library's

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield a_client(server.server_address[1]), seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_client(port: int, read_timeout_s: float = 10.0) -> OrthancPacs:
    return OrthancPacs(
        OrthancConnection(f"http://127.0.0.1:{port}", connect_timeout_s=1, read_timeout_s=read_timeout_s)
    )


@pytest.mark.parametrize("kind", LIBRARY_ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_library_has_a_meaning(kind: type[library.OrthancApiException]) -> None:
    error, code = EXAMPLES[kind]
    outcome = as_outcome(error)
    assert (None if outcome is None else outcome.code) == code


@pytest.mark.parametrize(("status", "is_temporary"), [(500, True), (502, True), (408, True), (429, True), (400, False)])
def test_only_temporary_answers_are_tried_again(status: int, is_temporary: bool) -> None:
    assert isinstance(as_outcome(library.HttpError(status)), Unavailable) is is_temporary


def test_a_post_to_a_server_that_reads_and_hangs_up_arrives_once() -> None:
    with a_server({"tools": hang_up}) as (pacs, seen):
        with pytest.raises(Unavailable):
            pacs.held(["1.2"])
        assert seen == ["POST /tools/lookup"]


def test_an_answer_that_breaks_off_is_an_outage() -> None:
    with a_server({"changes": break_off}) as (pacs, _), pytest.raises(Unavailable):
        pacs.changes(0, None)


def test_a_server_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unavailable):
        a_client(silent.getsockname()[1], read_timeout_s=0.05).check()


def test_a_server_that_is_not_there_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(Unavailable):
        a_client(port).check()


def test_a_page_of_changes_names_series_and_instances_once_and_leaves_out_old_ones() -> None:
    def change(number: int, kind: str, level: str, name: str, date: str = "20260301T120000") -> dict[str, object]:
        return {"Seq": number, "ChangeType": kind, "ResourceType": level, "ID": name, "Date": date}

    log = [
        change(1, "NewInstance", "Instance", "old", "20260228T120000"),
        change(2, "NewInstance", "Instance", "i"),
        change(3, "NewSeries", "Series", "s"),
        change(4, "NewStudy", "Study", "x"),
        change(5, "StableSeries", "Series", "s"),
    ]
    with a_server({"changes": reply(200, {"Changes": log, "Last": 5, "Done": True})}) as (pacs, _):
        page = pacs.changes(0, datetime(2026, 3, 1, tzinfo=UTC))
    assert (page.series, page.instances, page.last, page.complete) == (("s",), ("i",), 5, True)


def test_a_series_that_is_gone_has_no_summary_and_cannot_be_fetched() -> None:
    with a_server({}) as (pacs, _):
        assert pacs.summary("s") is None
        assert pacs.series_of("i") is None
        with pytest.raises(Refusal) as caught:
            pacs.fetch("s")
    assert caught.value.reason is Reason.NOT_IN_PACS


def test_results_go_to_stow_and_are_all_accounted_for() -> None:
    stored = {"00081199": {"Value": [{"00081155": {"Value": ["2.25.1"]}}]}}
    with a_server({"dicom-web": reply(200, stored)}) as (pacs, seen):
        pacs.send([an_object()])
    assert seen == ["POST /dicom-web/studies"]


def test_an_object_that_stow_did_not_store_is_an_outage() -> None:
    with a_server({"dicom-web": reply(200, {})}) as (pacs, _), pytest.raises(Unavailable, match="0 of 1"):
        pacs.send([an_object()])


def test_results_go_to_the_plain_upload_where_there_is_no_dicomweb() -> None:
    with a_server({"instances": reply(200, {"ID": "x", "Status": "Success"})}) as (pacs, seen):
        pacs.send([an_object()])
    assert seen == ["POST /dicom-web/studies", "POST /instances"]


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(OrthancConnection("http://pacs", "user", "secret"))


def a_page(request: BaseHTTPRequestHandler) -> None:
    """What a proxy says when the server behind it is away, with the status of success."""
    body = b"<html><body>We will be back soon.</body></html>"
    request.send_response(200)
    request.send_header("Content-Type", "text/html")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def test_a_page_instead_of_an_answer_is_an_outage_and_never_a_finding() -> None:
    with a_server({"dicom-web": a_page, "tools": a_page, "changes": a_page, "instances": a_page}) as (pacs, _):
        for ask in (
            lambda: pacs.send([an_object()]),
            lambda: pacs.held(["2.25.1"]),
            lambda: pacs.withdraw(["2.25.1"]),
            lambda: pacs.find_series("2.25.1"),
            lambda: pacs.changes(0, None),
        ):
            with pytest.raises(Unavailable):
                ask()
    series = {"series": reply(200, {"Instances": ["i"]}), "instances": a_page}
    with a_server(series) as (pacs, _), pytest.raises(Unavailable, match="a page"):
        pacs.fetch("s")


def drip(request: BaseHTTPRequestHandler) -> None:
    """An image that comes byte by byte, each in time."""
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    with suppress(OSError):
        for _ in range(200):
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.05)
    request.close_connection = True


def test_an_image_that_drips_is_given_up() -> None:
    answers = {"series": reply(200, {"Instances": ["a"]}), "instances": drip}
    with a_server(answers) as (pacs, _):
        patient = OrthancPacs(replace(pacs._api.connection, image_s=1.0))
        began = time.monotonic()
        with pytest.raises(Unavailable, match="longer than 1 s"):
            patient.fetch("s")
        assert time.monotonic() - began < 8


def test_an_image_that_breaks_off_is_an_outage() -> None:
    answers = {"series": reply(200, {"Instances": ["a"]}), "instances": break_off}
    with a_server(answers) as (pacs, _), pytest.raises(Unavailable, match="broke off"):
        pacs.fetch("s")


def test_a_certificate_of_ones_own_authority_is_taken_and_a_strangers_is_said(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certificate("orthanc"))
    with a_server({"system": reply(200, {})}, context) as (pacs, seen):
        plain = pacs._api.connection
        url = plain.url.replace("http:", "https:")
        OrthancPacs(replace(plain, url=url, ca_file=authority.ca_file)).check()
        for ca_file in (stranger.ca_file, None):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="certificate"):
                OrthancPacs(replace(plain, url=url, ca_file=ca_file)).check()
            assert time.monotonic() - began < 10
        assert len(seen) == 1
