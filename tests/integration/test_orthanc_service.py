"""The service beside a real Orthanc: whatever is killed, restarted or sent again, each series has one result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from tests.integration.conftest import MakeService
from tests.integration.rigs import OrthancRig, ServiceRig, a_chest, one_port, store_by_dcmtk, wait_for
from tests.made.series import save_series

pytestmark = [pytest.mark.orthanc, pytest.mark.slow]


def results(orthanc: OrthancRig, chest: list[Dataset]) -> tuple[int, int]:
    """How many SR and how many SEG the study has."""
    study = chest[0].StudyInstanceUID
    return orthanc.count(study, "SR"), orthanc.count(study, "SEG")


@pytest.fixture
def chest(request: pytest.FixtureRequest) -> list[Dataset]:
    """A study of its own for each test."""
    return a_chest(request.node.name)


@pytest.fixture
def running_job(
    orthanc: OrthancRig, make_service: MakeService, chest: list[Dataset], tmp_path: Path
) -> Iterator[ServiceRig]:
    """A service in the middle of the analysis of `chest`."""
    service = make_service()
    service.hold()
    service.start()
    orthanc.send(chest, tmp_path)
    wait_for(lambda: service.analyses == 1, "the analysis to begin")
    yield service
    assert results(orthanc, chest) == (1, 1)


def test_a_series_sent_by_dcmtk_ends_with_one_sr_and_one_seg_however_often_it_is_sent(
    orthanc: OrthancRig, make_service: MakeService, chest: list[Dataset], tmp_path: Path
) -> None:
    service = make_service()
    service.start()
    logged = len(orthanc.log())
    series = chest[0].SeriesInstanceUID
    orthanc.send(chest, tmp_path)
    job = service.wait_until("done", series)
    assert results(orthanc, chest) == (1, 1)
    assert orthanc.count(chest[0].StudyInstanceUID, "DOC") == 1
    assert len(service.get(f"/api/v1/jobs/{job['key']}/findings").json()["nodules"]) == 1
    changes = orthanc.pacs.last_change()
    for again in (chest, chest[7:8]):
        orthanc.send(again, tmp_path)
        changes = orthanc.wait_for_a_stable_series(changes)
    wait_for(lambda: service.cursor >= changes, "the service to have read it")
    wait_for(lambda: not service.watched, "the service to have looked at it")
    assert len(service.jobs(series)) == 1
    assert service.analyses == 1
    assert results(orthanc, chest) == (1, 1)
    assert "was not notified" not in orthanc.log()[logged:]
    assert service.stop() == 0
    assert not any(secret in service.log for secret in ("PHANTOM-1", "Phantom", series))


def test_other_objects_are_ignored_and_an_unsuitable_ct_is_refused_with_its_reason(
    orthanc: OrthancRig, make_service: MakeService, chest: list[Dataset], tmp_path: Path
) -> None:
    service = make_service()
    service.start()
    magnetic = a_chest("mr", slices=3)
    for ds in magnetic:
        ds.Modality = "MR"
    orthanc.send(magnetic, tmp_path)
    gap = a_chest("gap", missing={17, 18})
    orthanc.send(gap, tmp_path)
    refused = service.wait_until("refused", gap[0].SeriesInstanceUID)
    assert refused["code"] == "missing-slices"
    assert results(orthanc, gap) == (1, 0)  # a note that it was not analysed
    assert results(orthanc, magnetic) == (0, 0)
    orthanc.send(chest, tmp_path)
    service.wait_until("done", chest[0].SeriesInstanceUID)
    changes = orthanc.pacs.last_change()
    wait_for(lambda: service.cursor >= changes and not service.watched, "the service to have looked at its own objects")
    assert service.jobs(magnetic[0].SeriesInstanceUID) == []
    assert len(service.get("/api/v1/jobs").json()) == 2


def test_a_service_killed_in_mid_job_ends_with_one_result(running_job: ServiceRig, chest: list[Dataset]) -> None:
    running_job.kill()
    running_job.let_go()
    running_job.start()
    job = running_job.wait_until("done", chest[0].SeriesInstanceUID)
    assert (job["claims"], job["interruptions"]) == (2, 1)


def test_a_service_stopped_in_mid_job_gives_the_job_back_and_ends_well(
    running_job: ServiceRig, chest: list[Dataset]
) -> None:
    assert running_job.stop() == 0
    running_job.let_go()
    running_job.start()
    job = running_job.wait_until("done", chest[0].SeriesInstanceUID)
    assert (job["claims"], job["interruptions"]) == (2, 0)


def test_a_worker_killed_in_mid_job_is_replaced(running_job: ServiceRig, chest: list[Dataset]) -> None:
    running_job.kill_worker()
    running_job.let_go()
    job = running_job.wait_until("done", chest[0].SeriesInstanceUID)
    assert job["interruptions"] == 1


def test_an_outage_of_orthanc_during_the_analysis_only_delays_the_delivery(
    orthanc: OrthancRig, running_job: ServiceRig, chest: list[Dataset]
) -> None:
    orthanc.kill()
    running_job.let_go()
    wait_for(lambda: "delivering -> delivering" in running_job.log, "a delivery in vain")
    orthanc.start()
    running_job.wait_until("done", chest[0].SeriesInstanceUID)
    assert running_job.analyses == 1


def test_a_service_killed_while_it_cannot_deliver_delivers_after_its_restart(
    orthanc: OrthancRig, running_job: ServiceRig, chest: list[Dataset]
) -> None:
    orthanc.kill()
    running_job.let_go()
    wait_for(lambda: "delivering -> delivering" in running_job.log, "a delivery in vain")
    running_job.kill()
    orthanc.start()
    running_job.start()
    running_job.wait_until("done", chest[0].SeriesInstanceUID)
    assert running_job.analyses == 1


def test_a_series_that_came_while_the_service_was_down_is_read(
    orthanc: OrthancRig, make_service: MakeService, chest: list[Dataset], tmp_path: Path
) -> None:
    service = make_service(backlog_hours=1)
    orthanc.send(chest, tmp_path)
    orthanc.restart()
    service.start()
    service.wait_until("done", chest[0].SeriesInstanceUID)
    assert results(orthanc, chest) == (1, 1)


def test_slices_that_come_late_replace_the_result(
    orthanc: OrthancRig, make_service: MakeService, chest: list[Dataset], tmp_path: Path
) -> None:
    service = make_service()
    service.start()
    orthanc.send(chest[:30], tmp_path)
    first = service.wait_until("done", chest[0].SeriesInstanceUID)
    orthanc.send(chest[30:], tmp_path)
    wait_for(lambda: len(service.jobs(chest[0].SeriesInstanceUID)) == 2, "a second job")
    second = service.wait_until("done", chest[0].SeriesInstanceUID)
    assert second["key"] != first["key"]
    wait_for(lambda: results(orthanc, chest) == (1, 1), "the first result to be withdrawn")
    held = orthanc.pacs.held([item["sop_uid"] for item in second["objects"]])
    assert len(held) == len(second["objects"])


def test_a_series_received_by_c_store_is_read_once(
    orthanc: OrthancRig, make_service: MakeService, chest: list[Dataset], tmp_path: Path
) -> None:
    service = make_service(scp_port=(port := one_port()), scp_callers="*", scp_quiet_s=1)
    service.start()
    files = save_series(chest, tmp_path / "chest")
    store_by_dcmtk(files, port, "LUNGCAD")
    job = service.wait_until("done", chest[0].SeriesInstanceUID)
    assert job["source"] == "spool"
    assert results(orthanc, chest) == (1, 1)
    store_by_dcmtk(files, port, "LUNGCAD")
    store_by_dcmtk(save_series(chest[7:8], tmp_path / "slice"), port, "LUNGCAD")
    service.wait_until("done", chest[0].SeriesInstanceUID)
    assert service.analyses == 1
