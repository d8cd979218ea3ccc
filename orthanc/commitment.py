"""Storage commitment (PS3.4 Annex J): what we sent and a destination vouches for, and what we received and vouch for.

What is known lies on disk, one small file an instance: `<name>.sent` was sent, `<name>.held` is vouched for. The
answer may come on the association of the question or, minutes later, on one that the peer opens.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from cad.errors import Unavailable

logger = logging.getLogger(__name__)

COMMITMENT = UID("1.2.840.10008.1.20.1")
"""Storage Commitment Push Model SOP Class."""

COMMITMENT_INSTANCE = UID("1.2.840.10008.1.20.1.1")
REQUEST = 1
"""Action type: request storage commitment."""

ALL_HELD, SOME_FAILED = 1, 2
"""Event types of the answer."""

NO_SUCH_INSTANCE = 0x0112
SUCCESS, CANNOT_PROCESS = 0x0000, 0x0110


class Commitments:
    """What is known of instances that we sent. Safe to use from several processes; raises Unavailable("disk")."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def sent(self, instances: Sequence[tuple[str, str]]) -> None:
        """These (SOP class, SOP instance) were stored; nobody has vouched for them since."""
        for sop_class, uid in instances:
            self._forget(uid, "held")
            self._mark(uid, "sent", sop_class)

    def class_of(self, sop_uid: str) -> str:
        """The SOP class of an instance that was sent."""
        return self._path(sop_uid, "sent").read_text()

    def note(self, answer: Answer) -> None:
        """The destination's answer: what it does not hold is to be sent again."""
        for uid in answer.held:
            if self._is(uid, "sent"):  # whoever calls us may say anything of anything
                self._mark(uid, "held")
        self.forget(answer.failed)

    def forget(self, sop_uids: Sequence[str]) -> None:
        """Nothing is to be known of these any more."""
        for uid in sop_uids:
            self._forget(uid, "sent")
            self._forget(uid, "held")

    def asked_for(self, sop_uids: Sequence[str]) -> list[str]:
        """Those that were sent and of which nothing is known."""
        return [uid for uid in sop_uids if self._is(uid, "sent") and not self._is(uid, "held")]

    def held(self, sop_uids: Sequence[str]) -> frozenset[str]:
        """Those that the destination vouches for."""
        return frozenset(uid for uid in sop_uids if self._is(uid, "held"))

    def _path(self, uid: str, kind: str) -> Path:
        return self._root / f"{hashlib.sha256(uid.encode()).hexdigest()[:40]}.{kind}"

    def _is(self, uid: str, kind: str) -> bool:
        return self._path(uid, kind).exists()

    def _mark(self, uid: str, kind: str, text: str = "") -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path(uid, kind).write_text(text)
        except OSError as error:
            raise Unavailable("disk", f"the folder of commitments cannot be written ({error.strerror})") from error

    def _forget(self, uid: str, kind: str) -> None:
        self._path(uid, kind).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """Which instances are vouched for and which are not."""

    held: tuple[str, ...]
    failed: tuple[str, ...]


def question(instances: Sequence[tuple[str, str]]) -> Dataset:
    """The action information of a request for these (SOP class, SOP instance)."""
    asked = Dataset()
    asked.TransactionUID = generate_uid()
    asked.ReferencedSOPSequence = [_reference(*instance) for instance in instances]
    return asked


def answer_in(information: Dataset) -> Answer:
    """What an event report says."""
    held, failed = (information.get(name) or () for name in ("ReferencedSOPSequence", "FailedSOPSequence"))
    uids = [tuple(str(item.get("ReferencedSOPInstanceUID", "")) for item in items) for items in (held, failed)]
    return Answer(uids[0], uids[1])


def answer_to(asked: Dataset, held: frozenset[str]) -> tuple[Dataset, int]:
    """The event report on a request, and its type."""
    said = Dataset()
    said.TransactionUID = asked.TransactionUID
    items = [(str(i.ReferencedSOPClassUID), str(i.ReferencedSOPInstanceUID)) for i in asked.ReferencedSOPSequence]
    said.ReferencedSOPSequence = [_reference(*item) for item in items if item[1] in held]
    failed = [_reference(*item) for item in items if item[1] not in held]
    for item in failed:
        item.FailureReason = NO_SUCH_INSTANCE
    if failed:
        said.FailedSOPSequence = failed
    return said, SOME_FAILED if failed else ALL_HELD


def ask(association: Association, instances: Sequence[tuple[str, str]], patience_s: float) -> Answer | None:
    """Ask on an association that negotiated COMMITMENT; None when the answer is to come on another.

    Raises Unavailable when the destination refuses to be asked.
    """
    answers: list[Answer] = []
    arrived = threading.Event()

    def report(event: Event) -> tuple[int, None]:
        answers.append(answer_in(event.event_information))
        arrived.set()
        return SUCCESS, None

    association.bind(evt.EVT_N_EVENT_REPORT, report)
    status, _ = association.send_n_action(question(instances), REQUEST, COMMITMENT, COMMITMENT_INSTANCE)
    if "Status" not in status or status.Status != SUCCESS:
        raise Unavailable("commitment", "the destination does not take the request for storage commitment")
    arrived.wait(patience_s)
    return answers[0] if answers else None


def _reference(sop_class: str, sop_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
    return item
