"""The viewer's web server: one origin, isolated pages, a door to the PACS that only reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cad.commands.embedded_orthanc import free_ports
from cad.web.ohif import app_config, study_path
from cad.web.viewer import DicomWebServer, viewer_app


class _RecordingPacs(BaseHTTPRequestHandler):
    """Answers every GET with what it was asked, as JSON."""

    def do_GET(self) -> None:
        asked = {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
        body = json.dumps(asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextmanager
def a_pacs() -> Iterator[DicomWebServer]:
    """A DICOMweb server on a loopback port that tells what it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _RecordingPacs)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield DicomWebServer(f"http://127.0.0.1:{server.server_address[1]}/dicom-web/", "reader", "secret")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A folder that looks like the built viewer."""
    (tmp_path / "index.html").write_text("<html>viewer</html>")
    (tmp_path / "engine.wasm").write_bytes(b"\0asm")
    return tmp_path


def a_viewer(dist: Path, pacs: DicomWebServer) -> TestClient:
    """A client of the viewer's server, as a browser on this machine."""
    return TestClient(viewer_app(dist, pacs), base_url="http://127.0.0.1")


NOWHERE = DicomWebServer("http://127.0.0.1:9/dicom-web", "reader", "secret")


@pytest.mark.parametrize("path", ["/", "/viewer?StudyInstanceUIDs=1.2", "/app-config.js", "/engine.wasm", "/absent.js"])
def test_every_answer_is_cross_origin_isolated(dist: Path, path: str) -> None:
    answer = a_viewer(dist, NOWHERE).get(path)
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"


def test_opens_on_one_study(dist: Path) -> None:
    answer = a_viewer(dist, NOWHERE).get(study_path("1.2.3"))
    assert answer.status_code == 200
    assert "viewer" in answer.text


def test_serves_webassembly_with_its_own_type(dist: Path) -> None:
    assert a_viewer(dist, NOWHERE).get("/engine.wasm").headers["content-type"] == "application/wasm"


def test_the_configuration_names_no_other_origin(dist: Path) -> None:
    script = a_viewer(dist, NOWHERE).get("/app-config.js").text
    config = json.loads(script.removeprefix("window.config = ").removesuffix(";\n"))
    source = config["dataSources"][0]["configuration"]
    assert (source["qidoRoot"], source["wadoRoot"], source["wadoUriRoot"]) == ("/dicom-web",) * 3
    assert "://" not in script


def test_the_configuration_is_what_the_server_serves(dist: Path) -> None:
    assert a_viewer(dist, NOWHERE).get("/app-config.js").text == app_config("/dicom-web")


def test_forwards_a_query_with_the_credentials_of_the_pacs(dist: Path) -> None:
    with a_pacs() as pacs:
        asked = a_viewer(dist, pacs).get("/dicom-web/studies?limit=5&00100020=%2A").json()
    assert asked["path"] == "/dicom-web/studies?limit=5&00100020=%2A"
    assert asked["headers"]["authorization"].startswith("Basic ")


def test_the_pacs_sees_the_host_of_the_browser(dist: Path) -> None:
    with a_pacs() as pacs:
        asked = a_viewer(dist, pacs).get("/dicom-web/studies").json()
    assert asked["headers"]["host"] == "127.0.0.1"


def test_passes_no_cookie_and_no_foreign_login_on(dist: Path) -> None:
    with a_pacs() as pacs:
        headers = {"cookie": "session=1", "authorization": "Bearer foreign"}
        asked = a_viewer(dist, pacs).get("/dicom-web/studies", headers=headers).json()
    assert "cookie" not in asked["headers"]
    assert "foreign" not in asked["headers"]["authorization"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_writes_nothing_to_the_pacs(dist: Path, method: str) -> None:
    assert a_viewer(dist, NOWHERE).request(method, "/dicom-web/studies").status_code == 405


def test_says_so_when_the_pacs_is_away(dist: Path) -> None:
    (closed,) = free_ports(1)
    pacs = DicomWebServer(f"http://127.0.0.1:{closed}/dicom-web", "reader", "secret")
    answer = a_viewer(dist, pacs).get("/dicom-web/studies")
    assert (answer.status_code, answer.text) == (502, "The PACS does not answer.")


def test_refuses_a_host_name_it_was_not_given(dist: Path) -> None:
    answer = TestClient(viewer_app(dist, NOWHERE), base_url="http://attacker.example").get("/dicom-web/studies")
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"])
def test_never_leaves_the_folder_of_the_viewer(dist: Path, path: str) -> None:
    (dist.parent / "secret.txt").write_text("secret")
    answer = a_viewer(dist, NOWHERE).get(path)
    assert answer.status_code == 404


def test_credentials_do_not_show_in_a_log_line() -> None:
    assert "secret" not in repr(NOWHERE)
