"""The DIMSE door on real sockets: what is acknowledged is on disk, what is sent is stored."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom import AE, evt
from pynetdicom.events import Event

from cad.errors import Reason, Refusal, Unavailable
from orthanc.dimse import DimseDestination, DimsePeer
from orthanc.listener import CT_CLASSES, ListenerAddress, StoreListener
from orthanc.spool import Spool

CT_IMAGE = CT_CLASSES[0]


def an_instance(number: int = 1, series: str = "1.2.3", sop_class: UID = CT_IMAGE) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{series}.{number}"
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.Modality = series, "1.2", "CT"
    ds.PatientID = "P"
    return ds


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def listener(spool: Spool) -> Iterator[StoreListener]:
    running = StoreListener(ListenerAddress("127.0.0.1", 0, "LUNGCAD"), spool)
    running.start()
    yield running
    running.stop()


def peer(listener: StoreListener) -> DimsePeer:
    return DimsePeer("127.0.0.1", listener.port, "LUNGCAD", "CT1", timeout_s=10)


def test_what_is_sent_is_in_the_spool_and_complete_when_the_sender_releases(
    listener: StoreListener, spool: Spool
) -> None:
    DimseDestination(peer(listener)).send([an_instance(2), an_instance(1), an_instance(1, "1.2.4")])
    listener.stop()
    folders = spool.resting(quiet_s=3600)
    found = sorted((series.series_uid, series.sop_uids) for name in folders if (series := spool.summary(name)))
    assert found == [("1.2.3", ("1.2.3.1", "1.2.3.2")), ("1.2.4", ("1.2.4.1",))]


def test_a_series_whose_sender_broke_off_waits_for_silence(spool: Spool, tmp_path: Path) -> None:
    folder = spool.keep("1.2.3", "1.2.3.1", b"x")
    assert spool.resting(quiet_s=3600) == ()
    os.utime(tmp_path / "spool" / folder, (0, 0))
    assert spool.resting(quiet_s=3600) == (folder,)


def test_a_slice_that_comes_again_replaces_itself(listener: StoreListener, spool: Spool) -> None:
    for _ in range(2):
        DimseDestination(peer(listener)).send([an_instance(1)])
    (folder,) = spool.resting(quiet_s=0)
    assert len(spool.fetch(folder)) == 1


def test_the_listener_answers_echo(listener: StoreListener) -> None:
    DimseDestination(peer(listener)).check()


def test_the_listener_takes_nothing_but_ct(listener: StoreListener, spool: Spool) -> None:
    with pytest.raises(Unavailable, match="does not accept"):
        DimseDestination(peer(listener)).send([an_instance(sop_class=SegmentationStorage)])
    assert spool.resting(quiet_s=0) == ()


def test_a_caller_that_is_not_on_the_list_is_turned_away(spool: Spool) -> None:
    running = StoreListener(ListenerAddress("127.0.0.1", 0, "LUNGCAD", ("CT2",)), spool)
    running.start()
    try:
        with pytest.raises(Unavailable):
            DimseDestination(peer(running)).check()
    finally:
        running.stop()


def test_a_full_disk_is_not_acknowledged(listener: StoreListener, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="0xA700"):
        DimseDestination(peer(listener)).send([an_instance()])


def test_a_file_name_cannot_leave_the_spool(spool: Spool, tmp_path: Path) -> None:
    spool.keep("../../outside", "../x", b"x")
    assert {path.parent.parent for path in tmp_path.rglob("*.dcm")} == {tmp_path / "spool"}


def test_a_discarded_series_is_gone(spool: Spool) -> None:
    folder = spool.keep("1.2.3", "1.2.3.1", b"x")
    spool.discard(folder)
    assert spool.resting(quiet_s=0) == ()
    assert spool.summary(folder) is None
    with pytest.raises(Refusal) as caught:
        spool.fetch(folder)
    assert caught.value.reason is Reason.NOT_IN_PACS


def test_a_port_that_is_taken_is_unavailable(spool: Spool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = ListenerAddress("127.0.0.1", door.getsockname()[1], "LUNGCAD")
        with pytest.raises(Unavailable, match="cannot listen"):
            StoreListener(address, spool).start()


def test_a_peer_that_is_away_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(Unavailable, match="association"):
        DimseDestination(DimsePeer("127.0.0.1", port, "ARCHIVE", "LUNGCAD", timeout_s=5)).check()


@contextmanager
def an_archive(status: int, *classes: str) -> Iterator[tuple[DimseDestination, list[str]]]:
    """A destination that answers each C-STORE so, and what it received."""
    received: list[str] = []

    def store(event: Event) -> int:
        received.append(str(event.dataset.SOPInstanceUID))
        return status

    archive = AE(ae_title="ARCHIVE")
    for sop_class in classes:
        archive.add_supported_context(sop_class)
    server = archive.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    assert server is not None
    try:
        yield DimseDestination(DimsePeer("127.0.0.1", server.server_address[1], "ARCHIVE", "LUNGCAD", 10)), received
    finally:
        server.shutdown()


RESULTS = [an_instance(1, sop_class=SegmentationStorage), an_instance(2, sop_class=Comprehensive3DSRStorage)]


@pytest.mark.parametrize("status", [0x0000, 0xB000])
def test_reports_and_segmentations_are_sent_and_the_answer_is_believed(status: int) -> None:
    with an_archive(status, SegmentationStorage, Comprehensive3DSRStorage) as (destination, received):
        assert destination.send(RESULTS) == ()
    assert received == ["1.2.3.1", "1.2.3.2"]


def test_an_archive_without_room_is_an_outage() -> None:
    full = an_archive(0xA700, SegmentationStorage, Comprehensive3DSRStorage)
    with full as (destination, _), pytest.raises(Unavailable, match="0xA700"):
        destination.send(RESULTS)


@pytest.mark.parametrize("status", [0x0122, 0xA900, 0xC000, 0xC123])
def test_a_lasting_refusal_is_told_and_the_rest_is_sent(status: int) -> None:
    with an_archive(status, SegmentationStorage, Comprehensive3DSRStorage) as (destination, received):
        refused = destination.send(RESULTS)
    assert received == ["1.2.3.1", "1.2.3.2"]
    assert [f"0x{status:04X}" in one for one in refused] == [True, True]
    assert "Segmentation Storage" in refused[0]


def test_a_class_that_is_not_accepted_keeps_no_other_back() -> None:
    with an_archive(0x0000, Comprehensive3DSRStorage) as (destination, received):
        refused = destination.send(RESULTS)
    assert received == ["1.2.3.2"]
    assert refused == ("the C-STORE destination does not accept Segmentation Storage",)
