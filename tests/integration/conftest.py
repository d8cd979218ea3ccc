"""One real Orthanc for all tests, and a service for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cad.commands.embedded_orthanc import find_orthanc
from tests.integration.rigs import DCMTK_STORESCU, OrthancRig, ServiceRig, one_port

ARCHIVE_AET = "ARCHIVE"
MakeService = Callable[..., ServiceRig]


@pytest.fixture(scope="session")
def api_port() -> int:
    """The port of every service: one at a time, where Orthanc's plugin posts to."""
    return one_port()


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory, api_port: int) -> Iterator[OrthancRig]:
    if find_orthanc() is None or not Path(DCMTK_STORESCU).exists():
        pytest.skip("Orthanc or dcmtk is not installed (Debian: orthanc, orthanc-dicomweb, orthanc-python, dcmtk)")
    rig = OrthancRig(tmp_path_factory.mktemp("pacs") / "orthanc", api_port)
    rig.start()
    yield rig
    rig.kill()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, orthanc: OrthancRig) -> Iterator[OrthancRig]:
    """A second Orthanc that knows the service and the first one as DICOM destinations, and tells nobody anything."""
    modalities = {
        "service": ["LUNGCAD", "127.0.0.1", one_port()],
        "pacs": [orthanc.address.ae_title, "127.0.0.1", orthanc.address.dicom_port],
    }
    options = {"DicomAet": ARCHIVE_AET, "DicomModalities": modalities}
    rig = OrthancRig(tmp_path_factory.mktemp("archive") / "orthanc", one_port(), options)
    rig.start()
    yield rig
    rig.kill()


@pytest.fixture
def make_service(orthanc: OrthancRig, tmp_path: Path, api_port: int) -> Iterator[MakeService]:
    """Makes a service that is not started yet; whatever runs at the end is killed."""
    made: list[ServiceRig] = []

    def make(**settings: object) -> ServiceRig:
        made.append(ServiceRig(orthanc, tmp_path / "service", api_port, **settings))
        return made[-1]

    yield make
    for service in made:
        service.end()
