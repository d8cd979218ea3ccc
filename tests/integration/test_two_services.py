"""Two services on one table share its work, take over from each other, forget nothing and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from tests.integration.rigs import OrthancRig, ServiceRig, a_chest, one_port, store_by_dcmtk, wait_for
from tests.made.series import save_series

LEASE_S = 4

Pair = tuple[ServiceRig, ServiceRig]


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, orthanc: OrthancRig, tmp_path: Path, api_port: int) -> Iterator[Pair]:
    """Two services with a folder of their own each and one table; each receives by C-STORE, too."""
    table = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    if request.param == "postgresql":
        table = request.getfixturevalue("postgres").new_database()
    options = {"database_url": table, "lease_s": LEASE_S, "scp_callers": "*", "scp_quiet_s": 1}
    made = [
        ServiceRig(orthanc, tmp_path / name, port, scp_port=one_port(), **options)
        for name, port in (("a", api_port), ("b", one_port()))
    ]
    yield made[0], made[1]
    for service in made:
        service.end()


def send(service: ServiceRig, chest: list[Dataset], folder: Path) -> None:
    port = int(service.environment["LUNGCAD_SCP_PORT"])
    store_by_dcmtk(save_series(chest, folder), port, "LUNGCAD")


def results(orthanc: OrthancRig, chest: list[Dataset]) -> tuple[int, int]:
    study = chest[0].StudyInstanceUID
    return orthanc.count(study, "SR"), orthanc.count(study, "SEG")


def test_work_from_the_pacs_and_by_c_store_is_shared_and_outlives_one_of_them(
    pair: Pair, orthanc: OrthancRig, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first, second = pair
    first.start()
    second.start()
    name = request.node.name
    chests = [a_chest(f"{name}/{number}") for number in range(7)]
    for chest in chests[:3]:
        orthanc.send(chest, tmp_path)
    for number, chest in enumerate(chests[3:]):
        send(pair[number % 2], chest, tmp_path / f"sent{number}")
    for chest in chests:
        job = first.wait_until("done", chest[0].SeriesInstanceUID)
        assert (job["claims"], results(orthanc, chest)) == (1, (1, 1))
    wait_for(lambda: not first.outbox and not second.outbox, "both to clear their disks")
    assert "ERROR" not in first.log + second.log

    for service in pair:
        service.hold()
    late = [a_chest(f"{name}/late{number}") for number in range(2)]
    orthanc.send(late[0], tmp_path)
    send(first, late[1], tmp_path / "late")
    for chest in late:
        wait_for(lambda uid=chest[0].SeriesInstanceUID: second.jobs(uid), "a job")  # type: ignore[misc]
    wait_for(lambda: first.analyses + second.analyses > 7, "an analysis to begin")
    first.kill()
    second.let_go()
    second.wait_until("done", late[0][0].SeriesInstanceUID)
    (left,) = second.jobs(late[1][0].SeriesInstanceUID)
    assert left["state"] in {"queued", "running"}  # its images lie on the disk of the one that was killed
    wait_for(lambda: any("which is away: 1" in text for text in second.health()["attention"]), "health to say so")
    first.let_go()
    first.start()
    second.wait_until("done", late[1][0].SeriesInstanceUID)
    for chest in late:
        assert results(orthanc, chest) == (1, 1)
    wait_for(lambda: not first.outbox and not second.outbox, "both to clear their disks")
    assert second.health()["status"] == "ok"
