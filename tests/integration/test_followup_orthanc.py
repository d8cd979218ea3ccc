"""Two visits of one patient in a real Orthanc, in any order and at once: one comparison, the same tracking UIDs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.integration.comparing_service import PLACES, SPECKS
from tests.integration.conftest import ARCHIVE_AET
from tests.integration.rigs import OrthancRig, ServiceRig, wait_for
from tests.made.series import Sphere, a_series

pytestmark = [pytest.mark.orthanc, pytest.mark.slow]

GROWING, NEW, GONE = ((place.x, place.y, place.z) for place in PLACES)
THEN = (Sphere(GROWING, 8.0), Sphere(GONE, 9.0))
NEAR_MM = 2.5
NOW = (Sphere(GROWING, 12.0), Sphere(NEW, 8.0))


class ComparingServiceRig(ServiceRig):
    """The service that compares."""

    module = "tests.integration.comparing_service"


MakeComparing = Callable[..., ComparingServiceRig]


@pytest.fixture
def make_comparing(orthanc: OrthancRig, tmp_path: Path, api_port: int) -> Iterator[MakeComparing]:
    made: list[ComparingServiceRig] = []

    def make(**settings: object) -> ComparingServiceRig:
        made.append(ComparingServiceRig(orthanc, tmp_path / "service", api_port, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for service in made:
        service.end()


def a_visit(name: str, date: str, nodules: tuple[Sphere, ...]) -> list[Dataset]:
    images = a_series(study=f"{name}/{date}", series="ct", patient_id=name, spheres=(*SPECKS, *nodules))
    for ds in images:
        ds.AcquisitionDate = ds.StudyDate = date
    return images


def two_visits(name: str) -> tuple[list[Dataset], list[Dataset]]:
    return a_visit(name, "20240110", THEN), a_visit(name, "20250110", NOW)


def findings(service: ServiceRig, visit: list[Dataset]) -> dict[str, Any]:
    job = service.wait_until("done", visit[0].SeriesInstanceUID)
    document: dict[str, Any] = service.get(f"/api/v1/jobs/{job['key']}/findings").json()
    return document


def is_compared(service: ServiceRig, visit: list[Dataset]) -> bool:
    jobs = service.jobs(visit[0].SeriesInstanceUID)
    standing = [job for job in jobs if job["state"] != "superseded"]
    if not standing or standing[0]["state"] != "done":
        return False
    found = service.get(f"/api/v1/jobs/{standing[0]['key']}/findings").json()
    return found["followup"] is not None


def fates(document: dict[str, Any]) -> dict[str, str]:
    return {change["tracking_uid"]: change["status"] for change in document["followup"]["nodules"]}


def tracking_uid_at(document: dict[str, Any], place: tuple[float, float, float]) -> str:
    """The name of the nodule within a slice of a place."""
    (found,) = (n["tracking_uid"] for n in document["nodules"] if math.dist(n["centre_lps_mm"], place) < NEAR_MM)
    return str(found)


@pytest.mark.parametrize("order", ["prior first", "current first", "at once"])
def test_two_visits_end_with_one_comparison_and_the_tracking_uids_of_the_first(
    orthanc: OrthancRig, make_comparing: MakeComparing, tmp_path: Path, order: str
) -> None:
    service = make_comparing()
    earlier, later = two_visits(f"FOLLOWED-{order}")
    sent = {"prior first": (earlier, later), "current first": (later, earlier), "at once": (earlier + later,)}[order]
    for visit in sent:
        orthanc.send(visit, tmp_path)
        if order != "at once":
            service.wait_until("done", visit[0].SeriesInstanceUID)
    wait_for(lambda: is_compared(service, later), "the comparison")
    for visit in (earlier, later):
        study = visit[0].StudyInstanceUID
        for modality in ("SR", "SEG", "DOC"):  # the older ones are withdrawn one by one
            wait_for(lambda: orthanc.count(study, modality) == 1, f"one {modality}")  # noqa: B023 - it is called here
    then, now = findings(service, earlier), findings(service, later)
    growing, gone, new = tracking_uid_at(then, GROWING), tracking_uid_at(then, GONE), tracking_uid_at(now, NEW)
    assert tracking_uid_at(now, GROWING) == growing
    assert fates(now) == {growing: "growing", new: "new", gone: "resolved"}
    assert now["followup"]["nodules_source"] == "report"
    assert then["followup"] is None
    settled = (service.analyses, orthanc.pacs.last_change())
    wait_for(lambda: service.cursor >= settled[1] and not service.watched, "the service to have looked at its results")
    assert service.analyses == settled[0]
    if order != "at once":
        assert service.analyses == {"prior first": 2, "current first": 3}[order]


@pytest.mark.parametrize("way", ["dimse", "dicomweb"])
def test_a_prior_in_the_archive_is_brought_and_compared(
    orthanc: OrthancRig, archive: OrthancRig, make_comparing: MakeComparing, tmp_path: Path, way: str
) -> None:
    address = archive.address
    service = make_comparing(
        prior_archive=way,
        prior_archive_port=address.dicom_port,
        prior_archive_aet=ARCHIVE_AET,
        prior_archive_move_to=orthanc.address.ae_title,
        prior_archive_url=address.dicomweb_url,
        prior_archive_user=address.username,
        prior_archive_password=address.password,
    )
    earlier, later = two_visits(f"ARCHIVED-{way}")
    archive.send(earlier, tmp_path)
    orthanc.send(later, tmp_path)
    now = findings(service, later)
    assert sorted(fates(now).values()) == ["growing", "new", "resolved"]
    assert now["followup"]["nodules_source"] == "analysed"
    orthanc.wait_for_a_stable_series(orthanc.pacs.last_change() - 1)
    changes = orthanc.pacs.last_change()
    wait_for(lambda: service.cursor >= changes and not service.watched, "the service to have looked at all")
    assert service.analyses == 1
    assert service.jobs(earlier[0].SeriesInstanceUID) == []
    assert orthanc.count(later[0].StudyInstanceUID, "SR") == 1
