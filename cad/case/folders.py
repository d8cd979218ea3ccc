"""Result folders that are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cad.errors import Unavailable


class FolderInUse(Exception):
    """The wanted output folder exists and is not an empty folder; the caller asked for the wrong place."""


@contextmanager
def complete_folder(wanted: Path) -> Iterator[Path]:
    """A temporary folder beside `wanted` that takes its name when the block ends without an exception.

    Every file is on disk (fsync) before the rename. When the block fails nothing is left; after a power cut or a
    SIGKILL only the hidden temporary folder is. Raises FolderInUse, and Unavailable("disk") when the disk is full or
    may not be written.
    """
    check_free(wanted)
    with _disk_errors():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        partial = wanted.parent / f".{wanted.name}.partial-{os.getpid()}"
        _remove(partial)
        partial.mkdir()
    try:
        with _disk_errors():
            yield partial
            _sync_tree(partial)
            check_free(wanted)
            partial.rename(wanted)  # replaces an empty folder, and fails on one that has just been filled
            _sync(wanted.parent)
    finally:
        _remove(partial)


def check_free(wanted: Path) -> None:
    """Raises FolderInUse unless `wanted` is absent or an empty folder, and no parent of it is a file."""
    if wanted.is_symlink() or wanted.exists():
        if wanted.is_symlink() or not wanted.is_dir():
            raise FolderInUse(f"{wanted} exists and is not a folder")
        if any(wanted.iterdir()):
            raise FolderInUse(f"{wanted} exists and is not empty; results are never mixed with other files")
    for parent in wanted.parents:
        if parent.exists() and not parent.is_dir():
            raise FolderInUse(f"{parent} is not a folder")


DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG})


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Full, read-only and failing disks as Unavailable; any other OSError is a bug and passes."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise Unavailable("disk", f"cannot write the results: {os.strerror(error.errno or 0)}") from error
        raise


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
