"""The HTTP API on a real job table, without a network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset

from cad.errors import Reason, Refusal, Unavailable
from cad.policy import SeriesPolicy
from cad.service.health import Health
from cad.service.jobs import Event, EventKind, Job, JobState, RetryPolicy, Source
from cad.service.store import ObjectRecord, Store
from cad.web.api import AFTER_A_WRONG_TOKEN_S, ApiDependencies, create_api
from cad.web.scan_cache import ScanCache, Wanted
from orthanc.spool import Spool

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = NOW + timedelta(minutes=2)
KEY = "a" * 64


def a_job() -> Job:
    return Job(
        KEY,
        Source.PACS,
        "id-1",
        "1.2.840.99",
        ("1.2.840.99.1",),
        JobState.QUEUED,
        created=NOW,
        updated=NOW,
        not_before=NOW,
    )


@dataclass
class Front:
    """The API, its table, and what was notified. `outage` is raised by the next call that needs the PACS."""

    client: TestClient
    store: Store
    notified: list[str] = field(default_factory=list)
    outage: Exception | None = None
    looked: list[str] = field(default_factory=list)
    health: Health = field(default_factory=lambda: Health({"pacs": "ok", "store": "ok"}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}", RetryPolicy())
    opened.upgrade_tables()
    yield opened
    opened.close()


def no_images(_wanted: Wanted) -> list[Dataset]:
    raise Unavailable("pacs", "there are no images")


def a_front(store: Store, token: str | None = None, spool: Path = Path("absent")) -> Front:
    def check() -> None:
        if made.outage is not None:
            raise made.outage

    def notify(series_id: str) -> None:
        check()
        made.notified.append(series_id)

    dependencies = ApiDependencies(
        store=store,
        notify=notify,
        health=lambda: made.health,
        spool=Spool(spool),
        look_now=lambda series_id: made.looked.append(series_id),
        clock=lambda: NOW,
        scans=ScanCache(no_images, SeriesPolicy()),
        token=token,
    )
    made = Front(TestClient(create_api(dependencies), raise_server_exceptions=False), store)
    return made


@pytest.fixture
def front(store: Store) -> Front:
    return a_front(store)


def claimed(store: Store) -> Job:
    store.accept(a_job())
    job = store.claim("me", LEASE, NOW)
    assert job is not None
    return job


def test_a_notice_is_passed_on(front: Front) -> None:
    answer = front.client.post("/api/v1/series", json={"series_id": "0a1b-2c3d"})
    assert (answer.status_code, front.notified) == (202, ["0a1b-2c3d"])


def test_a_notice_may_say_what_is_known_of_the_patient(front: Front) -> None:
    patient = {"screening": True, "observations": {"lymphadenopathy": False}}
    answer = front.client.post("/api/v1/series", json={"series_id": "a", "patient": patient})
    assert (answer.status_code, front.notified) == (202, ["a"])
    assert front.store.patient("a") == patient


def test_a_notice_without_a_patient_keeps_what_was_said_before(front: Front) -> None:
    front.store.note_patient("a", {"screening": True})
    front.client.post("/api/v1/series", json={"series_id": "a"})
    assert front.store.patient("a") == {"screening": True}


@pytest.mark.parametrize(("patient", "words"), [({"age": 60}, "no factor 'age'"), ({"sex": "X"}, "sex must be one of")])
def test_an_unsuitable_patient_is_refused_with_the_reason(front: Front, patient: dict[str, object], words: str) -> None:
    answer = front.client.post("/api/v1/series", json={"series_id": "a", "patient": patient})
    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid-patient-factors")
    assert words in answer.json()["text"]
    assert (front.notified, front.store.patient("a")) == ([], {})


@pytest.mark.parametrize(
    "body",
    [{}, {"series_id": "a", "patient": []}, {"series_id": "../x"}, {"series_id": ""}, {"series_id": "a", "more": 1}],
)
def test_a_malformed_notice_is_refused(front: Front, body: dict[str, object]) -> None:
    assert front.client.post("/api/v1/series", json=body).status_code == 422
    assert front.notified == []


def test_jobs_are_listed_newest_first(front: Front) -> None:
    front.store.accept(a_job())
    front.store.accept(replace(a_job(), key="b" * 64, series_uid="1.3", created=NOW + timedelta(seconds=1)))
    assert [job["key"][0] for job in front.client.get("/api/v1/jobs").json()] == ["b", "a"]
    assert front.client.get("/api/v1/jobs", params={"state": "done"}).json() == []
    assert len(front.client.get("/api/v1/jobs", params={"limit": 1}).json()) == 1


def test_an_unknown_job_is_not_found(front: Front) -> None:
    for path in ("", "/findings"):
        assert front.client.get(f"/api/v1/jobs/{KEY}{path}").status_code == 404
    assert front.client.post(f"/api/v1/jobs/{KEY}/retry").status_code == 404


def test_findings_are_not_found_until_there_are_some(front: Front) -> None:
    job = claimed(front.store)
    assert front.client.get(f"/api/v1/jobs/{KEY}/findings").status_code == 404
    front.store.analysed(job, [ObjectRecord("2.25.1", "2.25.2", "SR")], {"nodules": []}, NOW)
    assert front.client.get(f"/api/v1/jobs/{KEY}/findings").json() == {"nodules": []}
    assert front.client.get(f"/api/v1/jobs/{KEY}").json()["objects"] == [{"modality": "SR", "sop_uid": "2.25.1"}]


def test_the_findings_of_a_refused_series_are_its_reason(front: Front) -> None:
    job = claimed(front.store)
    refused = Event(EventKind.REFUSED, "missing-slices", "3 slices are missing", {"missing": 3})
    front.store.advance(job, refused, NOW)
    answer = front.client.get(f"/api/v1/jobs/{KEY}/findings")
    assert answer.status_code == 422
    assert answer.json()["detail"]["facts"] == {"missing": 3}


def test_a_refused_job_can_be_retried_and_a_running_or_finished_one_cannot(front: Front) -> None:
    job = claimed(front.store)
    assert front.client.post(f"/api/v1/jobs/{KEY}/retry").status_code == 409
    front.store.advance(job, Event(EventKind.REFUSED, "not-ct"), NOW)
    assert front.client.post(f"/api/v1/jobs/{KEY}/retry").json()["state"] == "queued"
    again = front.store.claim("me", LEASE, NOW)
    assert again is not None
    delivering = front.store.analysed(again, [ObjectRecord("2.25.1", "2.25.2", "SR")], {}, NOW)
    assert delivering is not None
    front.store.advance(delivering, Event(EventKind.DELIVERED), NOW)
    assert front.client.post(f"/api/v1/jobs/{KEY}/retry").status_code == 409


def test_health_names_what_is_down(front: Front) -> None:
    assert front.client.get("/health").json()["systems"] == {"pacs": "ok", "store": "ok"}
    front.health = Health({"pacs": "Orthanc cannot be reached", "store": "ok"})
    answer = front.client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
    assert answer.json()["systems"]["pacs"] == "Orthanc cannot be reached"
    assert (front.client.get("/health/ready").status_code, front.client.get("/health/live").status_code) == (503, 200)


def test_what_waits_for_a_person_is_said_and_takes_nothing_out_of_service(front: Front) -> None:
    front.health = Health({"pacs": "ok"}, ("failed jobs: 2",), {"failed": 2}, 12.5)
    answer = front.client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "attention")
    assert (answer.json()["attention"], answer.json()["oldest_waiting_s"]) == (["failed jobs: 2"], 12.5)
    assert front.client.get("/health/ready").status_code == 200
    assert "failed jobs: 2" in front.client.get("/").text


def test_a_loop_that_has_ended_asks_for_a_restart(front: Front) -> None:
    front.health = Health({"pacs": "ok"}, dead=("dispatch",))
    assert (front.client.get("/health/live").status_code, front.client.get("/health/ready").status_code) == (503, 503)


def test_metrics_show_health_and_what_was_done(front: Front) -> None:
    front.health = Health({"pacs": "ok", "disk": "full"}, ("failed jobs: 2",), {"failed": 2}, 12.5)
    answer = front.client.get("/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["Content-Type"].startswith("text/plain")
    for line in (
        'lungcad_system_up{system="pacs"} 1.0',
        'lungcad_system_up{system="disk"} 0.0',
        'lungcad_jobs{state="failed"} 2.0',
        "lungcad_oldest_waiting_seconds 12.5",
        "lungcad_attention 1.0",
    ):
        assert line in lines


def test_a_person_tries_a_failed_job_again_and_makes_a_waiting_one_urgent(front: Front) -> None:
    job = claimed(front.store)
    front.store.advance(job, Event(EventKind.REFUSED, "not-ct", "not CT"), NOW)
    assert f'action="/jobs/{KEY}/retry"' in front.client.get("/").text
    answer = front.client.post(f"/jobs/{KEY}/retry", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert front.client.get(f"/api/v1/jobs/{KEY}").json()["state"] == "queued"
    front.client.post(f"/jobs/{KEY}/urgent")
    assert front.client.get(f"/api/v1/jobs/{KEY}").json()["urgent"]
    assert front.client.post(f"/jobs/{'0' * 64}/urgent").status_code == 404


def test_another_sites_page_cannot_press_the_buttons(front: Front) -> None:
    job = claimed(front.store)
    front.store.advance(job, Event(EventKind.REFUSED, "not-ct", "not CT"), NOW)
    theirs = {"Origin": "http://example.org", "Sec-Fetch-Site": "cross-site"}
    for act in (f"/jobs/{KEY}/retry", f"/jobs/{KEY}/urgent", "/aside/a/delete", "/series/a/look"):
        assert front.client.post(act, headers=theirs).status_code == 403
    assert front.client.get(f"/api/v1/jobs/{KEY}").json()["state"] == "refused"


def test_what_was_set_aside_is_read_again_or_deleted_by_a_person(store: Store, tmp_path: Path) -> None:
    front = a_front(store, spool=tmp_path / "spool")
    spool = Spool(tmp_path / "spool")
    folders = [spool.keep(uid, f"{uid}.1", b"no DICOM") for uid in ("1.2.7", "1.2.8")]
    for folder in folders:
        spool.set_aside(folder, "InvalidDicomError")
    first, second = (one.name for one in spool.aside())
    page = front.client.get("/").text
    assert "InvalidDicomError" in page
    assert (front.client.post(f"/aside/{first}/delete").status_code, len(spool.aside())) == (200, 1)
    assert (front.client.post(f"/aside/{second}/retry").status_code, len(spool.aside())) == (200, 0)
    assert spool.resting(0) == (second.rpartition("-")[0],)
    for name in ("..", "%2e%2e", first):
        assert front.client.post(f"/aside/{name}/delete").status_code == 404


def test_a_series_is_looked_at_now_and_a_notice_can_be_urgent(front: Front) -> None:
    assert front.client.post("/series/0a1b/look").status_code == 200
    assert front.looked == ["0a1b"]
    front.client.post("/api/v1/series", json={"series_id": "0a1b", "urgent": True})
    assert front.store.is_urgent("0a1b")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("pacs", "away"), 503),
        (Refusal(Reason.NOT_CT, "not CT", modality="MR"), 422),
        (RuntimeError("patient data"), 500),
    ],
)
def test_errors_become_statuses(front: Front, error: Exception, status: int) -> None:
    front.outage = error
    answer = front.client.post("/api/v1/series", json={"series_id": "a"})
    assert answer.status_code == status
    assert "patient data" not in answer.text


def test_a_bug_is_logged_without_its_message(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    front.outage = RuntimeError("patient data")
    front.client.post("/api/v1/series", json={"series_id": "a"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("cad")]
    assert any("RuntimeError" in line for line in ours)
    assert not any("patient data" in line for line in ours)


def test_the_page_shows_jobs_and_escapes_what_it_shows(front: Front) -> None:
    job = claimed(front.store)
    front.store.advance(job, Event(EventKind.REFUSED, "not-ct", "<script>"), NOW)
    page = front.client.get("/").text
    assert KEY[:12] in page
    assert "<script>" not in page
    assert job.series_uid in page


def test_a_browser_is_asked_for_the_token_and_gives_it_as_a_password(store: Store) -> None:
    front = a_front(store, token="secret")
    asked = front.client.get("/")
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"].startswith("Basic ")
    assert front.client.get("/", auth=("anybody", "wrong")).status_code == 401
    assert "lungcad" in front.client.get("/", auth=("anybody", "secret")).text


def test_a_token_guards_everything_but_health(store: Store) -> None:
    front = a_front(store, token="secret")
    for path in ("/", "/api/v1/jobs", f"/api/v1/jobs/{KEY}", f"/api/v1/jobs/{KEY}/findings"):
        assert front.client.get(path).status_code == 401
        assert front.client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert front.client.post("/api/v1/series", json={"series_id": "a"}).status_code == 401
    assert front.client.get("/health").status_code == 200
    with_token = {"Authorization": "Bearer secret"}
    assert front.client.get("/api/v1/jobs", headers=with_token).status_code == 200


def test_the_sentences_of_a_job_can_be_copied_as_text(front: Front) -> None:
    assert front.client.get(f"/jobs/{KEY}/text").status_code == 404
    job = claimed(front.store)
    assert front.client.get(f"/jobs/{KEY}/text").status_code == 404
    document = {"sentences": {"en": ["One nodule was found.", "Second."], "zh": ["发现1个结节。"]}}
    front.store.analysed(job, [ObjectRecord("2.25.1", "2.25.2", "SR")], document, NOW)
    answer = front.client.get(f"/jobs/{KEY}/text")
    assert answer.text == "One nodule was found.\nSecond.\n\n发现1个结节。\n"
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"/jobs/{KEY}/text" in front.client.get("/").text


def test_what_waits_is_visible_with_its_reason_and_its_next_try(front: Front) -> None:
    front.store.note_changes("pacs", 1, ("0a1b",))
    assert "arriving, not yet complete: 1 series" in front.client.get("/").text
    job = claimed(front.store)
    assert "waiting" not in front.client.get("/").text.split("<tbody>")[1]
    front.store.advance(job, Event(EventKind.UNAVAILABLE, "pacs", "Orthanc cannot be reached"), NOW)
    row = front.client.get("/").text.split("<tbody>")[1]
    assert "pacs: Orthanc cannot be reached; waiting" in row
    front.store.accept(replace(a_job(), key="b" * 64, series_uid="1.3", not_before=NOW + timedelta(hours=1)))
    assert "waiting; next try " in front.client.get("/").text


def test_a_wrong_token_waits_and_is_logged_without_it(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    front = a_front(store, token="secret")
    began = time.monotonic()
    assert front.client.get("/", auth=("anybody", "guess-1")).status_code == 401
    assert time.monotonic() - began >= AFTER_A_WRONG_TOKEN_S
    assert "a wrong token from testclient" in caplog.text
    assert "guess-1" not in caplog.text
