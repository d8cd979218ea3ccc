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
    partial = _partial_of(wanted)
    with _disk_errors():
        wanted.parent.mkdir(parents=True, exist_ok=True)
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


LEAST_FREE_BYTES = 256_000_000
"""Results of one examination are 5 to 100 MB; a disk with less than this is as good as full."""


def check_can_write(wanted: Path) -> None:
    """Tries before the work what `complete_folder` will do after it, and leaves nothing behind.

    Raises FolderInUse for a place or a name that cannot be, and Unavailable("disk") for a disk that is full or may not
    be written.
    """
    with _disk_errors():
        check_free(wanted)
        made = _make_parents(wanted.parent)
        partial = _partial_of(wanted)
        try:
            _remove(partial)
            partial.mkdir()
            _sync_tree(partial)
            _refuse_full(partial)
        finally:
            _remove(partial)
            for folder in made:
                folder.rmdir()


def check_file(wanted: Path) -> None:
    """Tries before the work whether a file can be written there, and leaves what is there as it is.

    Raises FolderInUse for a folder, a missing folder or a name that cannot be, and Unavailable("disk").
    """
    with _disk_errors():
        if wanted.is_dir():
            raise FolderInUse(f"{wanted} is a folder")
        if not wanted.parent.is_dir():
            raise FolderInUse(f"{wanted.parent} is not a folder")
        is_there = wanted.exists()
        with wanted.open("ab"):
            pass
        if not is_there:
            wanted.unlink()


def _partial_of(wanted: Path) -> Path:
    """The folder that becomes `wanted` when it is complete."""
    return wanted.parent / f".{wanted.name}.partial-{os.getpid()}"


def _make_parents(folder: Path) -> list[Path]:
    """Makes a folder and its parents; those that were made, the deepest first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _refuse_full(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        needed = LEAST_FREE_BYTES // 1_000_000
        raise Unavailable("disk", f"cannot write the results: {free // 1_000_000} MB are free, needed are {needed} MB")


DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG})
IMPOSSIBLE_NAMES = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP})


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Full, read-only and failing disks as Unavailable, impossible names as FolderInUse; any other OSError is a bug."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise Unavailable("disk", f"cannot write the results: {os.strerror(error.errno or 0)}") from error
        if error.errno in IMPOSSIBLE_NAMES:
            raise FolderInUse(f"the name cannot be used: {os.strerror(error.errno or 0)}") from error
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
