"""DIMSE: receive CT series by C-STORE into a spool, send results by C-STORE, answer C-ECHO."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    JPEG2000,
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    LegacyConvertedEnhancedCTImageStorage,
    RLELossless,
)
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time
from pynetdicom.transport import ThreadedAssociationServer

from cad.errors import Unavailable
from orthanc.spool import IDENTIFIERS, Spool

CT_CLASSES = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
"""What we receive. Everything else is refused at association time, so that no sender believes it stored here."""

RECEIVED_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
)
SENT_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH_SOP_CLASS = 0xA900
CANNOT_UNDERSTAND = 0xC000
"""C-STORE statuses (DICOM PS3.4 B.2.3)."""

OUT_OF_RESOURCES_RANGE = range(0xA700, 0xA800)
REFUSALS_OF_STORAGE = (range(0x0100, 0x0200), range(0xA900, 0xAA00), range(0xC000, 0xD000))
"""SOP class not supported and the like, data set does not match, cannot understand: no later try changes them
(DICOM PS3.4 B.2.3, PS3.7 Annex C). Out of resources (A7xx) passes."""

WARNINGS_OF_STORAGE = frozenset({0xB000, 0xB006, 0xB007})
"""Coercion of elements and the like: the object is stored (DICOM PS3.4 B.2.3)."""


@dataclass(frozen=True, slots=True)
class DimsePeer:
    """A remote AE, and ours as it calls."""

    host: str
    port: int
    aet: str
    calling_aet: str
    timeout_s: float = 30.0


class DimseDestination:
    """Sends results by C-STORE. Meets `orthanc.pacs.Destination`; it can neither be asked nor told to delete."""

    def __init__(self, peer: DimsePeer) -> None:
        self._peer = peer

    def held(self, sop_uids: Sequence[str]) -> None:  # noqa: ARG002 - part of the protocol
        """Unknown: C-STORE offers no question."""
        return

    def withdraw(self, sop_uids: Sequence[str]) -> None:
        """Nothing: C-STORE offers no deletion."""

    def check(self) -> None:
        """C-ECHO. Raises Unavailable unless the peer answers with success."""
        association = self._associate([(Verification, SENT_SYNTAXES)])
        try:
            status = association.send_c_echo()
        finally:
            association.release()
        if "Status" not in status or status.Status != SUCCESS:
            raise Unavailable("pacs", "the C-STORE destination does not answer C-ECHO with success")

    def send(self, objects: Sequence[Dataset]) -> tuple[str, ...]:
        """Store every object that the peer takes; what it refuses for good keeps nothing else back.

        Raises Unavailable when the peer is away, full, or does not answer.
        """
        classes = sorted({UID(item.SOPClassUID) for item in objects})
        association = self._associate([(uid, SENT_SYNTAXES) for uid in classes])
        try:
            refusals = [_store(association, item) for item in objects]
        finally:
            association.release()
        return tuple(dict.fromkeys(refusal for refusal in refusals if refusal is not None))

    def _associate(self, contexts: Sequence[tuple[UID, tuple[UID, ...]]]) -> Association:
        entity = AE(ae_title=self._peer.calling_aet)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self._peer.timeout_s
        entity.connection_timeout = self._peer.timeout_s
        for abstract, syntaxes in contexts:
            entity.add_requested_context(abstract, list(syntaxes))
        association = entity.associate(self._peer.host, self._peer.port, ae_title=self._peer.aet)
        if not association.is_established:
            raise Unavailable("pacs", "the C-STORE destination does not accept an association")
        return association


def _store(association: Association, item: Dataset) -> str | None:
    """None when the object is stored, and why not when it never will be."""
    name = UID(item.SOPClassUID).name
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    if item.SOPClassUID not in accepted:
        return f"the C-STORE destination does not accept {name}"
    if not association.is_established:
        raise Unavailable("pacs", "the C-STORE destination ended the association")
    answer = association.send_c_store(item)
    status = answer.Status if "Status" in answer else None
    if status is None:
        raise Unavailable("pacs", "the C-STORE destination did not answer in time")
    if status == SUCCESS or status in WARNINGS_OF_STORAGE:
        return None
    if any(status in refusals for refusals in REFUSALS_OF_STORAGE):
        return f"the C-STORE destination answered 0x{status:04X} to {name}"
    raise Unavailable("pacs", f"the C-STORE destination answered 0x{status:04X}")


@dataclass(frozen=True, slots=True)
class ListenerAddress:
    """Where we listen, under which AE title, and who may call (empty: anyone)."""

    host: str
    port: int
    aet: str
    callers: tuple[str, ...] = ()


class StoreListener:
    """A Storage SCP for CT that writes into a spool. `start` and `stop` it; `port` is the real one."""

    def __init__(self, address: ListenerAddress, spool: Spool) -> None:
        self._address = address
        self._spool = spool
        self._touched: dict[Association, set[str]] = {}
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> None:
        """Listen. Raises Unavailable("port") when the address cannot be taken."""
        entity = AE(ae_title=self._address.aet)
        entity.require_calling_aet = list(self._address.callers)
        entity.add_supported_context(Verification)
        for sop_class in CT_CLASSES:
            entity.add_supported_context(sop_class, list(RECEIVED_SYNTAXES))
        handlers: list[EventHandlerType] = [
            (evt.EVT_C_STORE, self._receive),
            (evt.EVT_RELEASED, self._end),
            (evt.EVT_ABORTED, self._end),
            (evt.EVT_CONN_CLOSE, self._end),
        ]
        try:
            self._server = entity.start_server(
                (self._address.host, self._address.port), block=False, evt_handlers=handlers
            )
        except OSError as error:
            raise Unavailable("port", f"cannot listen for C-STORE ({error.strerror})") from error

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start`."""
        return 0 if self._server is None else int(self._server.server_address[1])

    def _receive(self, event: Event) -> int:
        """The status of one C-STORE; success only when the instance is safe on disk."""
        encoded = event.encoded_dataset()
        try:
            header = pydicom.dcmread(io.BytesIO(encoded), specific_tags=IDENTIFIERS, stop_before_pixels=True)
        except (InvalidDicomError, EOFError):
            return CANNOT_UNDERSTAND
        series_uid = str(header.get("SeriesInstanceUID") or "")
        sop_uid = str(header.get("SOPInstanceUID") or "")
        if not series_uid or not sop_uid:
            return DOES_NOT_MATCH_SOP_CLASS
        try:
            folder = self._spool.keep(series_uid, sop_uid, encoded)
        except Unavailable:
            return OUT_OF_RESOURCES
        self._touched.setdefault(event.assoc, set()).add(folder)
        return SUCCESS

    def _end(self, event: Event) -> None:
        """A sender released: its series are complete. One that broke off is waited for until the silence is long."""
        folders = self._touched.pop(event.assoc, set())
        if event.event is evt.EVT_RELEASED:
            self._spool.close(sorted(folders))
