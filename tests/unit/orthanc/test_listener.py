"""Slow, silent, hostile and unknown callers cost others nothing; DICOM over TLS; storage commitment."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, _config, build_role
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time

from cad.errors import Unavailable
from orthanc import listener as listening
from orthanc.commitment import ALL_HELD, COMMITMENT, COMMITMENT_INSTANCE, Commitments
from orthanc.dimse import DimseDestination, DimsePeer
from orthanc.listener import CT_CLASSES, ListenerAddress, StoreListener
from orthanc.spool import Spool
from orthanc.tls import TlsFiles
from tests.made.certificates import Authority
from tests.unit.orthanc.test_dimse import an_instance

AET = "LUNGCAD"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@contextlib.contextmanager
def listener(spool: Spool, callers: tuple[str, ...] = (), tls: TlsFiles | None = None) -> Iterator[StoreListener]:
    running = StoreListener(ListenerAddress("127.0.0.1", 0, AET, callers, tls), spool)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def peer(port: int, calling: str = "CT1", called: str = AET, tls: TlsFiles | None = None) -> DimsePeer:
    return DimsePeer("127.0.0.1", port, called, calling, timeout_s=20, tls=tls)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def is_closed(connection: socket.socket, patience_s: float) -> bool:
    """Whether the other end closes the connection within that time."""
    connection.settimeout(patience_s)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_silent_and_idle_peers_do_not_shut_the_door(spool: Spool) -> None:
    with listener(spool) as running, contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connect(running.port))
        entity = AE("IDLE")
        entity.add_requested_context(Verification)
        idle = [entity.associate("127.0.0.1", running.port, ae_title=AET) for _ in range(3)]
        time.sleep(listening.IDLE_ENOUGH_S + 0.5)
        began = time.monotonic()
        for series in ("1.2.3", "1.2.4"):
            DimseDestination(peer(running.port)).send([an_instance(1, series)])
        assert time.monotonic() - began < 20
        assert len(spool.resting(0)) == 2
        for association in idle:
            association.abort()


def test_a_pdu_that_claims_four_gigabytes_ends_its_connection_at_once(spool: Spool) -> None:
    with listener(spool) as running, connect(running.port) as hostile:
        hostile.sendall(struct.pack(">BBL", 0x01, 0, 0xFFFFFFF0) + bytes(1000))
        assert is_closed(hostile, 20)
        DimseDestination(peer(running.port)).check()


def test_a_pdu_that_drips_is_not_waited_for(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PDU_S", 0.5)
    with listener(spool) as running, connect(running.port) as dripping:
        dripping.sendall(struct.pack(">BBL", 0x01, 0, 1000))
        with contextlib.suppress(OSError):
            for _ in range(100):
                dripping.sendall(b"x")
                time.sleep(0.05)
        assert is_closed(dripping, 10)


def test_an_object_without_end_is_cut_off_and_what_is_over_is_not_counted(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LARGEST_OBJECT", 100_000)
    large = an_instance(2)
    large.PixelData = bytes(200_000)
    large["PixelData"].VR = "OW"
    with listener(spool) as running:
        with pytest.raises(Unavailable):
            DimseDestination(peer(running.port)).send([large])
        small = [an_instance(number) for number in range(1, 400)]
        for item in small:
            item.PatientComments = "x" * 1000
        DimseDestination(peer(running.port)).send(small)
        (folder,) = spool.resting(0)
        assert spool.fingerprint(folder)[0] == 399
        assert running._server is not None
        time.sleep(0.5)
        assert running._server.together.total < 10_000  # type: ignore[attr-defined]


def test_only_known_callers_of_our_own_title_are_let_in(spool: Spool) -> None:
    with listener(spool, callers=("CT1", "CT2")) as running:
        DimseDestination(peer(running.port)).check()
        for calling, called in (("CT9", AET), ("CT1", "OTHER")):
            with pytest.raises(Unavailable):
                DimseDestination(peer(running.port, calling, called)).check()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


def files_of(authority: Authority, name: str, trusted: Authority | None = None) -> TlsFiles:
    return TlsFiles(*authority.certificate(name), (trusted or authority).ca_file)


def test_tls_asks_both_ends_for_a_certificate(spool: Spool, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "strange", "strange")
    with listener(spool, tls=files_of(authority, "us")) as running:
        with connect(running.port):  # says nothing at all, and holds up nobody
            DimseDestination(peer(running.port, tls=files_of(authority, "ct"))).send([an_instance()])
        for tls in (None, files_of(stranger, "them", authority), files_of(authority, "ct", stranger)):
            with pytest.raises(Unavailable):
                DimseDestination(peer(running.port, tls=tls)).check()
    assert len(spool.resting(0)) == 1


def test_certificates_that_cannot_be_read_are_said(spool: Spool, tmp_path: Path) -> None:
    absent = TlsFiles(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    with pytest.raises(Unavailable, match="certificates"), listener(spool, tls=absent):
        pass


def test_we_ask_for_commitment_and_vouch_for_what_we_have(spool: Spool, tmp_path: Path) -> None:
    with listener(spool) as running:
        known = Commitments(tmp_path / "commitments")
        destination = DimseDestination(peer(running.port), known)
        uids = ["1.2.3.1", "1.2.3.2"]
        assert destination.held(uids) == frozenset()  # nothing was sent
        destination.send([an_instance(1), an_instance(2)])
        assert destination.held(uids) == frozenset(uids)
        destination.send([an_instance(2)])
        (folder,) = spool.resting(0)
        spool.discard(folder)
        assert destination.held(uids) == frozenset({"1.2.3.1"})  # it was vouched for before; the second is not there
        assert known.asked_for(uids) == []
        destination.forget(uids)
        assert destination.held(uids) == frozenset()
    assert not any((tmp_path / "commitments").iterdir())


def test_an_answer_that_comes_later_is_waited_for_and_taken_from_the_listener(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc.dimse.COMMITMENT_S", 0.5)
    monkeypatch.setattr(listening, "_report", lambda *_: None)
    known = Commitments(tmp_path / "commitments")
    with listener(spool) as running:
        destination = DimseDestination(peer(running.port), known)
        destination.send([an_instance(1)])
        with pytest.raises(Unavailable) as waiting:
            destination.held(["1.2.3.1"])
        assert waiting.value.what == "commitment"
        ours = StoreListener(ListenerAddress("127.0.0.1", 0, "US"), Spool(tmp_path / "ours"), known)
        ours.start()
        try:
            _announce(ours.port, ["1.2.3.1", "9.9.9"])
        finally:
            ours.stop()
        assert destination.held(["1.2.3.1"]) == frozenset({"1.2.3.1"})
        assert known.held(["9.9.9"]) == frozenset()  # nobody asked for it


def _announce(port: int, uids: list[str]) -> None:
    """A destination's later answer, on an association of its own."""
    said = Dataset()
    said.TransactionUID, said.ReferencedSOPSequence = "1.2", []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.3", uid
        said.ReferencedSOPSequence.append(item)
    entity = AE("ARCHIVE")
    entity.add_requested_context(COMMITMENT)
    role = build_role(COMMITMENT, scu_role=False, scp_role=True)
    association = entity.associate("127.0.0.1", port, ae_title="US", ext_neg=[role])
    status, _ = association.send_n_event_report(said, ALL_HELD, COMMITMENT, COMMITMENT_INSTANCE)
    assert status.Status == 0
    association.release()


def test_an_instance_whose_identifiers_cannot_be_parsed_is_refused(spool: Spool, tmp_path: Path) -> None:
    content = io.BytesIO()
    an_instance(1).save_as(content, enforce_file_format=True)
    broken = content.getvalue().replace(b"\x20\x00\x0e\x00UI", b"\x20\x00\x0e\x00ZZ")  # a VR that there is not
    assert broken != content.getvalue()
    path = tmp_path / "broken.dcm"
    path.write_bytes(broken)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    entity = AE("CT1")
    entity.add_requested_context(CT_CLASSES[0], ExplicitVRLittleEndian)
    with listener(spool) as running:
        association = entity.associate("127.0.0.1", running.port, ae_title=AET)
        status = association.send_c_store(path)
        association.release()
    monkey.undo()
    assert status.Status == listening.CANNOT_UNDERSTAND
    assert spool.resting(0) == ()
