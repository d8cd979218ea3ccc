"""What receives by DIMSE: CT by C-STORE into a spool, requests for storage commitment, C-ECHO; nothing else.

A peer may be slow, silent or hostile without cost to others: connections, idle time, the length of a PDU, the time it
may take and the bytes of one object are bounded, before anybody has said who he is. When all connections are taken, the
one that has been idle for longest makes room.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
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
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from cad.errors import Unavailable
from orthanc.commitment import (
    CANNOT_PROCESS,
    COMMITMENT,
    COMMITMENT_INSTANCE,
    SUCCESS,
    Commitments,
    answer_in,
    answer_to,
)
from orthanc.spool import IDENTIFIERS, Spool
from orthanc.tls import TlsFiles

logger = logging.getLogger(__name__)

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

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH_SOP_CLASS = 0xA900
CANNOT_UNDERSTAND = 0xC000
"""C-STORE statuses (DICOM PS3.4 B.2.3)."""

MOST_CONNECTIONS = 48
MOST_OF_A_PEER = 16
IDLE_ENOUGH_S = 2.0
"""A connection that has said nothing for so long may be closed for another one."""

GREETING_S = 10.0
"""Time to ask for an association, and to agree on TLS."""

QUIET_S = 60.0
"""Time without a word in an association."""

LARGEST_PDU = 1 << 20
"""Bytes. We announce 16 kB; a request for an association with a hundred contexts has some ten."""

PDU_S = 30.0
"""Time that one PDU may take."""

LARGEST_OBJECT = 1 << 30
"""Bytes of one object; an enhanced CT of 1,200 slices has 630 MB."""

LARGEST_TOGETHER = 2 << 30
"""Bytes of all objects that are being received."""


@dataclass(frozen=True, slots=True)
class ListenerAddress:
    """Where we listen, under which AE title, who may call (empty: anyone), and by which certificates if by TLS."""

    host: str
    port: int
    aet: str
    callers: tuple[str, ...] = ()
    tls: TlsFiles | None = None


class StoreListener:
    """A Storage SCP for CT that writes into a spool. `start` and `stop` it; `port` is the real one.

    It vouches for what lies in the spool when asked (storage commitment), and notes what a destination answers.
    """

    def __init__(self, address: ListenerAddress, spool: Spool, commitments: Commitments | None = None) -> None:
        self._address = address
        self._spool = spool
        self._commitments = commitments
        self._touched: dict[Association, set[str]] = {}
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> None:
        """Listen. Raises Unavailable: "port" when the address cannot be taken, "tls" for unusable certificates."""
        _config.LOG_HANDLER_LEVEL = "none"  # its handlers describe every message, and stumble over odd ones
        entity = AE(ae_title=self._address.aet)
        entity.require_calling_aet = list(self._address.callers)
        entity.require_called_aet = True
        entity.maximum_associations = 4 * MOST_CONNECTIONS  # ours count; those that are being cut still count here
        entity.acse_timeout, entity.dimse_timeout, entity.network_timeout = GREETING_S, QUIET_S, QUIET_S
        entity.add_supported_context(Verification)
        entity.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
        for sop_class in CT_CLASSES:
            entity.add_supported_context(sop_class, list(RECEIVED_SYNTAXES))
        handlers: list[EventHandlerType] = [
            (evt.EVT_C_STORE, self._receive),
            (evt.EVT_N_ACTION, self._vouch),
            (evt.EVT_N_EVENT_REPORT, self._note),
            (evt.EVT_RELEASED, self._end),
            (evt.EVT_ABORTED, self._end),
            (evt.EVT_CONN_CLOSE, self._end),
        ]
        tls = None if self._address.tls is None else self._address.tls.of_server()
        where = (self._address.host, self._address.port)
        try:
            self._server = entity.make_server(
                where, evt_handlers=handlers, server_class=BoundedServer, request_handler=BoundedHandler, tls=tls
            )
        except OSError as error:
            raise Unavailable("port", f"cannot listen for C-STORE ({error.strerror})") from error
        entity._servers.append(self._server)
        threading.Thread(target=self._server.serve_forever, name="C-STORE", daemon=True).start()

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
        bounded = event.assoc.dul.socket
        if isinstance(bounded, BoundedSocket):
            bounded.object_is_over()
        encoded = event.encoded_dataset()
        try:
            header = pydicom.dcmread(io.BytesIO(encoded), specific_tags=IDENTIFIERS, stop_before_pixels=True)
            series_uid, sop_uid = (str(header.get(name) or "") for name in ("SeriesInstanceUID", "SOPInstanceUID"))
        except Exception as problem:  # noqa: BLE001 - a stranger's bytes may be wrong in any way
            logger.warning("an instance that cannot be read was refused (%s)", type(problem).__name__)
            return CANNOT_UNDERSTAND
        if not series_uid or not sop_uid:
            return DOES_NOT_MATCH_SOP_CLASS
        try:
            folder = self._spool.keep(series_uid, sop_uid, encoded)
        except Unavailable:
            return OUT_OF_RESOURCES
        self._touched.setdefault(event.assoc, set()).add(folder)
        return SUCCESS

    def _vouch(self, event: Event) -> tuple[int, None]:
        """The status of a request for storage commitment; the answer follows on the same association."""
        asked = event.action_information
        try:
            uids = [str(item.ReferencedSOPInstanceUID) for item in asked.ReferencedSOPSequence]
            said = answer_to(asked, self._spool.holding(uids))
        except AttributeError:
            return CANNOT_PROCESS, None
        threading.Thread(target=_report, args=(event.assoc, *said), daemon=True).start()
        return SUCCESS, None

    def _note(self, event: Event) -> tuple[int, None]:
        """The status of a destination's answer to a request of ours."""
        if self._commitments is None:
            return CANNOT_PROCESS, None
        self._commitments.note(answer_in(event.event_information))
        return SUCCESS, None

    def _end(self, event: Event) -> None:
        """A sender released: its series are complete. One that broke off is waited for until the silence is long."""
        folders = self._touched.pop(event.assoc, set())
        if event.event is evt.EVT_RELEASED:
            self._spool.close(sorted(folders))


def _report(association: Association, said: Dataset, kind: int) -> None:
    """Send an answer. A peer that has gone asks again."""
    try:
        association.send_n_event_report(said, kind, COMMITMENT, COMMITMENT_INSTANCE)
    except (RuntimeError, ValueError) as problem:
        logger.warning("an answer to a request for storage commitment was not taken (%s)", type(problem).__name__)


@dataclass(slots=True)
class _Received:
    """The bytes of objects that are under way, of all connections of a server."""

    total: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, number: int) -> int:
        """Count them; the sum."""
        with self.lock:
            self.total += number
            return self.total


class BoundedSocket(AssociationSocket):
    """A connection whose PDUs and objects are bounded in length and time. Raises OSError beyond, which closes it."""

    def __init__(self, plain: AssociationSocket, together: _Received) -> None:
        vars(self).update(vars(plain))  # it has announced its connection already, and must not do so twice
        self.last_s = time.monotonic()
        self._together = together
        self._object = 0

    def recv(self, nr_bytes: int) -> bytearray:
        """So many bytes, or fewer when the peer has closed, which is the end of the connection."""
        try:
            received = self._received(nr_bytes)
        except OSError:
            self.object_is_over()
            raise
        if len(received) < nr_bytes:
            self.object_is_over()
        return received

    def _received(self, nr_bytes: int) -> bytearray:
        if nr_bytes > LARGEST_PDU:
            raise OSError("a PDU is longer than any that was agreed on")
        if self.socket is None:
            raise OSError("the connection is closed")
        received = bytearray(nr_bytes)
        view, at, end = memoryview(received), 0, time.monotonic() + PDU_S
        while at < nr_bytes:
            number = self.socket.recv_into(view[at:])
            if number == 0:
                break
            at += number
            self.last_s = time.monotonic()
            if self.last_s > end:
                raise OSError("a PDU takes too long")
        self._object += at
        if self._together.add(at) > LARGEST_TOGETHER or self._object > LARGEST_OBJECT:
            raise OSError("an object is larger than any image")
        del view
        return received[:at]

    def object_is_over(self) -> None:
        """What was received so far has been dealt with."""
        self._together.add(-self._object)
        self._object = 0

    def close(self) -> None:
        """Close the connection."""
        self.object_is_over()
        super().close()

    def cut(self) -> None:
        """End the connection from another thread; its own finds out."""
        raw = self.socket
        if raw is not None:
            try:
                raw.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


class BoundedHandler(RequestHandler):
    """Begins one connection, in a thread of its own."""

    server: BoundedServer

    def _create_association(self) -> Association:
        association = super()._create_association()
        plain = association.dul.socket
        assert plain is not None
        association.dul.socket = BoundedSocket(plain, self.server.together)
        return association

    def handle(self) -> None:
        """Agree on TLS, if it is asked for, in bounded time; then the association."""
        tls = self.server.tls
        if tls is not None:
            self.request.settimeout(GREETING_S)
            try:
                self.request = tls.wrap_socket(self.request, server_side=True)
            except (OSError, ssl.SSLError) as error:
                logger.warning("a connection without TLS of ours was refused (%s)", type(error).__name__)
                self.server.shutdown_request(self.request)
                return
        super().handle()


class BoundedServer(ThreadedAssociationServer):
    """Connections are bounded in number; the idlest makes room for a new one."""

    def __init__(self, *args: Any, tls: ssl.SSLContext | None = None, **options: Any) -> None:  # noqa: ANN401
        self.tls = tls
        self.together = _Received()
        super().__init__(*args, **options)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401, ARG002
        """Whether there is room for one more."""
        associations = self.active_associations
        own = [a for a in associations if a.requestor.address == client_address[0]]
        if len(own) >= MOST_OF_A_PEER:
            return _made_room(own)
        return len(associations) < MOST_CONNECTIONS or _made_room(associations)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002
        """A connection that went wrong at its start is of no interest."""
        logger.warning("a connection could not be begun")


def _made_room(associations: Sequence[Association]) -> bool:
    """Cut the connection that has been idle for longest; False when all are busy."""
    sockets = [a.dul.socket for a in associations]
    idle = [s for s in sockets if isinstance(s, BoundedSocket) and time.monotonic() - s.last_s > IDLE_ENOUGH_S]
    if not idle:
        return False
    min(idle, key=lambda s: s.last_s).cut()
    return True
