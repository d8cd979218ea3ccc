"""A job table that is damaged or lost: the service says so, a copy brings it back, and nothing is forgotten."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.conftest import MakeService
from tests.integration.rigs import OrthancRig, ServiceRig, a_chest

UNAVAILABLE = 4
"""The exit code of a service that lacks what it needs."""


def replace_table(service: ServiceRig, content: bytes) -> None:
    for path in service.data_folder.glob("jobs.sqlite*"):
        path.unlink()
    (service.data_folder / "jobs.sqlite").write_bytes(content)


def test_a_damaged_table_is_restored_from_a_copy_and_what_came_since_is_read_again(
    orthanc: OrthancRig, make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service()
    service.start()
    first, second = a_chest("restore/1"), a_chest("restore/2")
    orthanc.send(first, tmp_path)
    service.wait_until("done", first[0].SeriesInstanceUID)
    with (
        closing(sqlite3.connect(service.data_folder / "jobs.sqlite")) as table,
        closing(sqlite3.connect(tmp_path / "copy.sqlite")) as copy,
    ):
        table.backup(copy)
    orthanc.send(second, tmp_path)
    made = service.wait_until("done", second[0].SeriesInstanceUID)
    assert service.stop() == 0

    replace_table(service, b"no database at all" * 400)
    with pytest.raises(AssertionError, match=f"ended with {UNAVAILABLE}"):
        service.start()
    assert "the job table is damaged" in service.log
    assert "Traceback" not in service.log

    replace_table(service, (tmp_path / "copy.sqlite").read_bytes())
    service.start()
    again = service.wait_until("done", second[0].SeriesInstanceUID)
    service.wait_until("done", first[0].SeriesInstanceUID)
    assert service.analyses == 3
    report = next(item["sop_uid"] for item in made["objects"] if item["modality"] == "SR")
    newer = next(item["sop_uid"] for item in again["objects"] if item["modality"] == "SR")
    study = orthanc.pacs.study_of(str(orthanc.pacs.find_series(second[0].SeriesInstanceUID)))
    assert study is not None
    reports = {
        str(item.SOPInstanceUID): item
        for entry in study.series
        if entry.modality == "SR"
        for item in orthanc.pacs.fetch(entry.series_id)
    }
    if newer != report:
        named = reports[newer].PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        assert named.ReferencedSOPInstanceUID == report
    assert newer in reports
