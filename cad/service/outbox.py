"""Encoded results on disk between analysis and the destination's confirmation, so that an outage only re-sends."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from cad.errors import Unavailable


class Outbox:
    """A folder per job with one file per object. Every method raises Unavailable("disk") when the disk fails."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, key: str, objects: Sequence[Dataset]) -> None:
        """Write the objects and synchronise them to disk; objects of an earlier try are replaced one by one."""
        folder = self._root / key
        with _mapped():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for item in objects:
                _write(folder / f"{item.SOPInstanceUID}.dcm", item)
            _synchronise(folder)

    def load(self, key: str, sop_uids: Sequence[str]) -> tuple[Dataset, ...] | None:
        """These objects of a job; None when one of them is no longer there."""
        paths = [self._root / key / f"{uid}.dcm" for uid in sop_uids]
        with _mapped():
            if not all(path.is_file() for path in paths):
                return None
            return tuple(pydicom.dcmread(path) for path in paths)

    def keys(self) -> tuple[str, ...]:
        """The jobs that have results here."""
        with _mapped():
            return tuple(sorted(path.name for path in self._root.glob("*") if path.is_dir()))

    def discard(self, key: str) -> None:
        """Delete the objects of a job, if there are any."""
        with _mapped():
            if (self._root / key).is_dir():
                shutil.rmtree(self._root / key)


def _write(target: Path, item: Dataset) -> None:
    partial = target.with_name(f"{uuid.uuid4().hex}.part")
    with partial.open("wb") as file:
        item.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("disk", f"the folder of results cannot be used ({error.strerror})") from error
