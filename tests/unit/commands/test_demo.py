"""The demonstration: it owns its folder, tells how far the job is, and says what was found and where."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cad.case.folders import FolderInUse
from cad.commands.demonstration import (
    MARKER,
    Afterwards,
    ServiceAddress,
    claim_folder,
    describe,
    summarise,
    wait_for_result,
)
from cad.errors import Unavailable

MADE_UP = [
    {"id": "N1", "centre_lps_mm": [10.0, 0.0, 0.0], "diameter_mm": 9.0, "volume_mm3": 381.7, "kind": "solid"},
    {"id": "N2", "centre_lps_mm": [50.0, 0.0, 0.0], "diameter_mm": 12.0, "volume_mm3": 904.8, "kind": "ground-glass"},
]
NODULE = {
    "label": "Nodule 1",
    "centre_lps_mm": [12.0, 1.0, -1.0],
    "diameters_mm": {"long": 9.3, "short": 8.3, "mean": 8.8},
    "volume_mm3": 366.4,
    "composition": "solid",
    "side": "right",
    "score": 0.914,
}


@contextmanager
def a_service(states: Sequence[str]) -> Iterator[ServiceAddress]:
    """A service whose one job is in the next of `states` at each question; "" means that there is no job yet."""
    left = list(states)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorised = self.headers["Authorization"] == "Bearer token"
            body = json.dumps(self._answer()).encode()
            self.send_response(200 if authorised else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self) -> object:
            if self.path.endswith("/findings"):
                return {"series": {"study_uid": "1.2.3"}, "nodules": []}
            state = left.pop(0) if len(left) > 1 else left[0]
            return [{"key": "k", "state": state, "code": "not-axial", "text": "a coronal series"}] if state else []

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ServiceAddress(server.server_address[1], "token")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_tells_every_state_of_the_job_once() -> None:
    told: list[str] = []
    with a_service(["", "queued", "running", "running", "delivering", "done"]) as service:
        job = wait_for_result(service, told.append)
    assert [line.split("s  ")[1] for line in told] == [
        "waiting for the series to be complete",
        "queued",
        "running",
        "delivering",
        "done",
    ]
    assert job["study_uid"] == "1.2.3"


def test_a_job_that_is_refused_is_no_result() -> None:
    with a_service(["refused"]) as service, pytest.raises(Unavailable, match="refused: a coronal series"):
        wait_for_result(service, lambda _: None)


def test_a_service_that_does_not_know_us_is_no_result() -> None:
    with a_service(["done"]) as service:
        stranger = ServiceAddress(service.port, "another token")
        with pytest.raises(Unavailable, match="status 401"):
            wait_for_result(stranger, lambda _: None)


def test_the_token_does_not_show_in_a_log_line() -> None:
    assert "token-value" not in repr(ServiceAddress(1, "token-value"))


def test_never_touches_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderInUse):
        claim_folder(tmp_path, Afterwards.EXIT)
    assert (tmp_path / "thesis.txt").exists()


def test_takes_an_empty_folder(tmp_path: Path) -> None:
    claim_folder(tmp_path, Afterwards.EXIT)
    assert (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    ("afterwards", "is_kept"), [(Afterwards.EXIT, False), (Afterwards.SERVE, True), (Afterwards.VIEWER, True)]
)
def test_only_a_plain_demonstration_starts_afresh(tmp_path: Path, afterwards: Afterwards, is_kept: bool) -> None:
    out = tmp_path / "demo_output"
    claim_folder(out, Afterwards.EXIT)
    (out / "study").mkdir()
    claim_folder(out, afterwards)
    assert (out / "study").exists() is is_kept


def test_describes_a_nodule_in_one_line() -> None:
    assert describe(NODULE) == "Nodule 1: 8.8 mm, 366 mm³, solid, right lung, score 0.91"


def test_says_what_was_found_what_was_made_up_and_where_it_is(tmp_path: Path) -> None:
    results = tmp_path / "results"
    (results / "from_files" / "overlay").mkdir(parents=True)
    for path in ("sr.dcm", "seg.dcm", "from_files/report.pdf", "from_files/sr.dcm"):
        (results / path).touch()
    elsewhere = {"label": "Nodule 2", "centre_lps_mm": [90, 0, 0]}
    (results / "findings.json").write_text(json.dumps({"nodules": [NODULE, NODULE | elsewhere]}))
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "truth.json").write_text(json.dumps({"nodules": MADE_UP}))
    told: list[str] = []
    summarise(tmp_path, told.append)
    text = "\n".join(told)
    assert "1 of 2 made-up nodules found, 1 missed; 1 mark on nothing." in text
    assert "N1, solid, 9.0 mm, 382 mm³: Nodule 1: 8.8 mm" in text
    assert "N2, ground-glass, 12.0 mm, 905 mm³: missed" in text
    assert "no made-up nodule here: Nodule 2: 8.8 mm" in text
    assert str(results / "sr.dcm") in text
    assert str(results / "from_files" / "report.pdf") in text
    assert str(results / "from_files" / "overlay") in text
    assert str(results / "from_files" / "sr.dcm") not in text
