"""The folder of series received by C-STORE: the truth of what was received.

An instance is on disk, synchronised, before its C-STORE is acknowledged.

    spool/<folder of the series>/<file of the instance>.dcm
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from cad.errors import Reason, Refusal, Unavailable
from orthanc.pacs import PRIORITY_KEYWORDS, REPEATED_KEYWORDS, identity_digest, is_at_once

ASIDE = "aside"
"""Folder of the series that could not be read."""

REASON = "reason.txt"

IDENTIFIERS = ["SOPInstanceUID", "SeriesInstanceUID", "Modality", *REPEATED_KEYWORDS, *PRIORITY_KEYWORDS]


@dataclass(frozen=True, slots=True)
class SpooledSeries:
    """A received series: its folder's name, its UID, its instances and a digest of whom it is said to be of.

    `urgent`: its images say that it is wanted at once.
    """

    folder: str
    series_uid: str
    sop_uids: tuple[str, ...]
    modality: str
    patient: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class SetAside:
    """A received series that could not be read: its folder's name, the reason, its files, its time (s since 1970)."""

    name: str
    reason: str
    files: int
    since_s: float


class Spool:
    """The folder of received series."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._closed: set[str] = set()
        self._lock = threading.Lock()

    def keep(self, series_uid: str, sop_uid: str, encoded: bytes) -> str:
        """Write a DICOM file and synchronise it to disk; the name of its folder.

        Raises Unavailable("disk") when it cannot be written.
        """
        name = _name(series_uid)
        target = self._root / name / f"{_name(sop_uid)}.dcm"
        partial = target.with_suffix(f".{threading.get_ident()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with partial.open("wb") as file:
                file.write(encoded)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            _synchronise(target.parent)
        except OSError as error:
            raise Unavailable("disk", f"the spool folder cannot be written ({error.strerror})") from error
        with self._lock:
            self._closed.discard(name)
        return name

    def close(self, folders: Sequence[str]) -> None:
        """Their sender has finished: these series are complete for now."""
        with self._lock:
            self._closed.update(folders)

    def resting(self, quiet_s: float) -> tuple[str, ...]:
        """Names of the folders that are complete: closed by their sender, or silent for `quiet_s`."""
        now = time.time()
        with self._lock:
            closed = frozenset(self._closed)
        folders = sorted(path for path in self._root.glob("*") if path.is_dir() and path.name != ASIDE)
        return tuple(path.name for path in folders if path.name in closed or now - _newest(path) >= quiet_s)

    def fingerprint(self, folder: str) -> tuple[int, float]:
        """Number of instances and newest time of a folder: another value means that something came."""
        return len(self._files(folder)), _newest(self._root / folder)

    def summary(self, folder: str) -> SpooledSeries | None:
        """What was received, read from the headers; None when there is no instance in the folder."""
        headers = [
            pydicom.dcmread(path, stop_before_pixels=True, specific_tags=IDENTIFIERS) for path in self._files(folder)
        ]
        if not headers:
            return None
        sop_uids = tuple(sorted(str(ds.SOPInstanceUID) for ds in headers))
        first = headers[0]
        raw = (first.get_item(keyword) for keyword in REPEATED_KEYWORDS)  # as it is: what cannot be parsed counts too
        patient = identity_digest(None if item is None else item.value for item in raw)
        return SpooledSeries(
            folder=folder,
            series_uid=str(first.SeriesInstanceUID),
            sop_uids=sop_uids,
            modality=str(first.get("Modality", "")),
            patient=patient,
            urgent=_is_urgent(first),
        )

    def holding(self, sop_uids: Sequence[str]) -> frozenset[str]:
        """Which of these instances lie here."""
        return frozenset(uid for uid in sop_uids if any(self._root.glob(f"*/{_name(uid)}.dcm")))

    def fetch(self, folder: str) -> tuple[Dataset, ...]:
        """All instances of a series. Raises Refusal: not-in-pacs when nothing is left, corrupt-file."""
        files = self._files(folder)
        if not files:
            raise Refusal(Reason.NOT_IN_PACS, "the received series is no longer in the spool folder")
        try:
            return tuple(pydicom.dcmread(path) for path in files)
        except InvalidDicomError as error:
            raise Refusal(Reason.CORRUPT_FILE, "a received instance is not a DICOM file") from error

    def set_aside(self, folder: str, reason: str) -> None:
        """Move a series that cannot be read out of the way, with the reason; a person looks at it and deletes it."""
        aside = self._root / ASIDE / f"{folder}-{uuid.uuid4().hex[:8]}"
        try:
            aside.parent.mkdir(exist_ok=True, mode=0o700)
            (self._root / folder).rename(aside)
            (aside / REASON).write_text(f"{reason}\n", encoding="utf-8")
        except OSError as error:
            raise Unavailable("disk", f"the spool folder cannot be written ({error.strerror})") from error
        with self._lock:
            self._closed.discard(folder)

    def aside(self) -> tuple[SetAside, ...]:
        """The series that are set aside."""
        folders = sorted(path for path in (self._root / ASIDE).glob("*") if path.is_dir())
        return tuple(
            SetAside(path.name, _reason_in(path), sum(1 for _ in path.glob("*.dcm")), _newest(path)) for path in folders
        )

    def take_back(self, name: str) -> bool:
        """Read a series that was set aside again; False when there is none of this name."""
        aside = self._aside_folder(name)
        if aside is None:
            return False
        try:
            (aside / REASON).unlink(missing_ok=True)
            target = self._root / name.rpartition("-")[0]
            if target.is_dir():
                for path in aside.glob("*.dcm"):
                    path.replace(target / path.name)
                aside.rmdir()
            else:
                aside.rename(target)
        except OSError as error:
            raise Unavailable("disk", f"the spool folder cannot be written ({error.strerror})") from error
        return True

    def delete_aside(self, name: str) -> bool:
        """Delete a series that was set aside; False when there is none of this name."""
        aside = self._aside_folder(name)
        if aside is None:
            return False
        shutil.rmtree(aside)
        return True

    def _aside_folder(self, name: str) -> Path | None:
        """The folder of this name, which must be one of those that are there: it comes from a page."""
        return next((path for path in (self._root / ASIDE).glob("*") if path.is_dir() and path.name == name), None)

    def discard(self, folder: str) -> None:
        """Delete a series."""
        for path in (self._root / folder).glob("*"):
            path.unlink(missing_ok=True)
        if (self._root / folder).is_dir():
            (self._root / folder).rmdir()
        with self._lock:
            self._closed.discard(folder)

    def _files(self, folder: str) -> list[Path]:
        return sorted((self._root / folder).glob("*.dcm"))


def _reason_in(folder: Path) -> str:
    try:
        return (folder / REASON).read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"


def _is_urgent(header: Dataset) -> bool:
    """Whether an image says that it is wanted at once; what cannot be parsed says nothing."""
    items = (header.get_item(keyword) for keyword in PRIORITY_KEYWORDS)
    raw = (item.value for item in items if item is not None)
    texts = (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value) for value in raw)
    return any(is_at_once(text) for text in texts)


def _name(uid: str) -> str:
    """A file name for a UID that cannot leave its folder, whatever the sender wrote."""
    return hashlib.sha256(uid.encode()).hexdigest()[:40]


def _newest(folder: Path) -> float:
    """Time of the last arrival, in seconds since 1970; the folder changes with each."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
