"""DIMSE: send results by C-STORE and ask for storage commitment."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time

from cad.errors import Unavailable
from orthanc.commitment import COMMITMENT, Commitments, ask
from orthanc.tls import TlsFiles

SENT_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)

SUCCESS = 0x0000
REFUSALS_OF_STORAGE = (range(0x0100, 0x0200), range(0xA900, 0xAA00), range(0xC000, 0xD000))
"""SOP class not supported and the like, data set does not match, cannot understand: no later try changes them
(DICOM PS3.4 B.2.3, PS3.7 Annex C). Out of resources (A7xx) passes."""

WARNINGS_OF_STORAGE = frozenset({0xB000, 0xB006, 0xB007})
"""Coercion of elements and the like: the object is stored (DICOM PS3.4 B.2.3)."""


@dataclass(frozen=True, slots=True)
class DimsePeer:
    """A remote AE, and ours as it calls; by TLS with these certificates if given."""

    host: str
    port: int
    aet: str
    calling_aet: str
    timeout_s: float = 30.0
    tls: TlsFiles | None = None

    def tls_args(self) -> tuple[ssl.SSLContext, str] | None:
        """How pynetdicom is told of TLS. Raises Unavailable("tls")."""
        return None if self.tls is None else (self.tls.of_client(), self.host)


COMMITMENT_S = 10.0
"""How long the answer is waited for on the association of the question; a later one comes to our listener."""


class DimseDestination:
    """Sends results by C-STORE. Meets `orthanc.pacs.Destination`; it cannot be told to delete.

    With `commitments` it is asked to vouch for what it stored.
    """

    def __init__(self, peer: DimsePeer, commitments: Commitments | None = None) -> None:
        self._peer = peer
        self._commitments = commitments

    def held(self, sop_uids: Sequence[str]) -> frozenset[str] | None:
        """What the destination vouches for; None when it is not to be asked: C-STORE itself offers no question.

        Raises Unavailable: "commitment" while its answer is awaited.
        """
        known = self._commitments
        if known is None:
            return None
        asked = known.asked_for(sop_uids)
        if asked:
            association = self._associate([(COMMITMENT, SENT_SYNTAXES)])
            try:
                answer = ask(association, [(known.class_of(uid), uid) for uid in asked], COMMITMENT_S)
            finally:
                association.release()
            if answer is not None:
                known.note(answer)
            if known.asked_for(sop_uids):
                raise Unavailable("commitment", "the destination has not said yet whether it holds the results")
        return known.held(sop_uids)

    def forget(self, sop_uids: Sequence[str]) -> None:
        """What was known of the storage commitment of these goes."""
        if self._commitments is not None:
            self._commitments.forget(sop_uids)

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
        if self._commitments is not None:
            pairs = zip(objects, refusals, strict=True)
            self._commitments.sent([(str(i.SOPClassUID), str(i.SOPInstanceUID)) for i, no in pairs if no is None])
        return tuple(dict.fromkeys(refusal for refusal in refusals if refusal is not None))

    def _associate(self, contexts: Sequence[tuple[UID, tuple[UID, ...]]]) -> Association:
        entity = AE(ae_title=self._peer.calling_aet)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self._peer.timeout_s
        entity.connection_timeout = self._peer.timeout_s
        for abstract, syntaxes in contexts:
            entity.add_requested_context(abstract, list(syntaxes))
        where, tls = (self._peer.host, self._peer.port), self._peer.tls_args()
        association = entity.associate(*where, ae_title=self._peer.aet, tls_args=tls)
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
