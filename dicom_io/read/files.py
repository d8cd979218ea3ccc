"""Folders, archives and files ⇄ DICOM instances. The only file access of `dicom_io`.

Reading is in two passes: headers first (pixel data is left on disk), then the pixels of the chosen series, one
instance at a time, so that a study of thousands of slices costs only the memory of its headers.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
)

from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.damage import ARCHIVE_ERRORS, PARSE_ERRORS
from dicom_io.read.patient_keywords import COPIED_KEYWORDS
from dicom_io.read.texts import odd_texts

_PREFIX_END = 132
_MAX_FIRST_ELEMENT_BYTES = 64  # group length, a UID or an image type: what an object without a prefix starts with
_PIXEL_GROUP = 0x7FE0
_PIXEL_DATA = Tag("PixelData")
_PIXEL_ELEMENTS = (0x0008, 0x0009, 0x0010)
"""Float, double float and integer pixel data."""

_SERIES_UID = Tag("SeriesInstanceUID")
_IMAGE_GROUP = 0x0028
_UNDEFINED = 0xFFFFFFFF
_ENCRYPTED_FLAG = 0x1
_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_ARCHIVE_SUFFIX = ".zip"
_ARCHIVE_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

CT_IMAGES = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Instance:
    """One DICOM object: its header, and how to obtain it with pixel data.

    `header` has no pixel data; `with_pixels` raises Refusal when the object is damaged. `named_like` is the same for
    files of one folder whose names differ in their numbers alone; it holds nothing of the name. None in a PACS.
    `odd_texts` are the texts of the patient whose bytes do not fit the declared character set, taken before pydicom
    decodes them.
    """

    header: Dataset
    with_pixels: Callable[[], Dataset]
    named_like: str | None = None
    odd_texts: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DamagedFile:
    """A file that cannot be used: why, the series that its bytes still name, and its place among files like it."""

    refusal: Refusal
    named_like: str
    series_uid: str | None = None


@dataclass(frozen=True, slots=True)
class FoundInstances:
    """The DICOM objects of an input, the damaged files, and how many files were something else."""

    instances: tuple[Instance, ...]
    files: int
    not_dicom: int
    damaged: tuple[DamagedFile, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class _FileEntry:
    """A file, or a member of an open archive. Its name may hold patient data and is never shown."""

    path: Path
    archive: zipfile.ZipFile | None = None
    member: str = ""

    @property
    def name(self) -> PurePath:
        return PurePath(self.member) if self.archive else self.path

    @property
    def looks_like_dicom(self) -> bool:
        return self.name.name.lower().endswith(_DICOM_SUFFIXES)

    @property
    def named_like(self) -> str:
        """Equal for files whose paths differ in the digits of their names alone."""
        pattern = re.sub(r"[0-9]+", "0", self.name.name)
        archive = (str(self.path), str(id(self.archive))) if self.archive else ()
        place = "\n".join((*archive, str(self.name.parent), pattern))
        return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()


def find_instances(source: Sequence[Path], policy: SeriesPolicy) -> FoundInstances:
    """Every DICOM object in folders, zip archives and files, in the order of their names.

    Links are followed and archives in archives are opened. Files that are not DICOM are counted and left out, damaged
    ones and those that may not be read are named as such. Raises Refusal for damaged archives.
    """
    damaged: list[DamagedFile] = []
    instances: list[Instance] = []
    files = 0
    for entry in (entry for path in source for entry in _entries(path, policy)):
        files += 1
        found = _instance(entry, policy)
        if isinstance(found, Instance):
            instances.append(found)
        elif isinstance(found, DamagedFile):
            damaged.append(found)
    return FoundInstances(tuple(instances), files, files - len(instances) - len(damaged), tuple(damaged))


def instance_of(ds: Dataset) -> Instance:
    """An object that is in memory already, with or without pixel data."""
    return Instance(without_pixels(ds), lambda: ds, odd_texts=odd_texts(ds, COPIED_KEYWORDS))


def without_pixels(ds: Dataset) -> Dataset:
    """A copy of `ds` without its pixel data and what follows it; elements are shared, not copied."""
    header = Dataset({tag: ds.get_item(tag) for tag in ds.keys() if tag.group < _PIXEL_GROUP})  # noqa: SIM118
    is_implicit_vr, is_little_endian = ds.original_encoding
    header.set_original_encoding(is_implicit_vr, is_little_endian, ds.original_character_set)
    if hasattr(ds, "file_meta"):
        header.file_meta = ds.file_meta
    return header


def _entries(path: Path, policy: SeriesPolicy) -> Iterator[_FileEntry]:
    if path.is_dir():
        for file in _files_below(path):
            yield from _file_entries(file, policy)
    elif _is_directory_record(path):
        yield from _entries(path.resolve().parent, policy)
    else:
        yield from _file_entries(path, policy)


def _file_entries(path: Path, policy: SeriesPolicy) -> Iterator[_FileEntry]:
    if _is_archive(path):
        yield from _archive_entries(path, policy)
    else:
        yield _FileEntry(path)


def _files_below(path: Path) -> Iterator[Path]:
    """The files of a folder in the order of their names, links to folders followed, each folder once."""
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(path, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders.sort()
        yield from (Path(folder, name) for name in sorted(names) if _is_visible_file(folder, name))


def _is_directory_record(path: Path) -> bool:
    """Whether a file is the index of a medium (DICOMDIR, PS3.10 8): the images lie in folders beside it."""
    with suppress(PermissionError), path.open("rb") as file:  # told apart later, where it is read
        return MediaStorageDirectoryStorage.encode() in file.read(_PREFIX_END + 512)
    return False


def _is_visible_file(folder: str, name: str) -> bool:
    return not name.startswith(".") and Path(folder, name).is_file()


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip; the free preamble of a DICOM file may look like one."""
    with suppress(PermissionError), path.open("rb") as file:  # told apart later, where it is read
        return _starts_like_an_archive(file.read(_PREFIX_END))
    return False


def _starts_like_an_archive(start: bytes) -> bool:
    return start.startswith(_ARCHIVE_MAGIC) and not start[:_PREFIX_END].endswith(b"DICM")


def _archive_entries(
    path: Path, policy: SeriesPolicy, content: BinaryIO | None = None, depth: int = 1
) -> Iterator[_FileEntry]:
    """The members of a zip and of the zips in it. An archive stays open as long as an entry of it lives; nothing is
    unpacked to disk."""
    try:
        archive = zipfile.ZipFile(content or path)
    except PermissionError:
        raise
    except ARCHIVE_ERRORS as error:
        raise Refusal(Reason.UNREADABLE_ARCHIVE, "the archive is damaged") from error
    members = [info for info in archive.infolist() if not info.is_dir()]
    if any(info.flag_bits & _ENCRYPTED_FLAG for info in members):
        raise Refusal(Reason.UNREADABLE_ARCHIVE, "the archive is encrypted")
    _refuse_archive_bomb(members, policy)
    for info in members:
        if info.filename.rsplit("/", 1)[-1].startswith("."):
            continue
        entry = _FileEntry(path, archive, info.filename)
        if not info.filename.lower().endswith(_ARCHIVE_SUFFIX):
            yield entry
        elif depth >= policy.max_archive_depth:
            raise Refusal(Reason.DECOMPRESSION_BOMB, f"archives lie in archives more than {depth} deep", depth=depth)
        else:
            yield from _archive_entries(path, policy, _opened(entry, policy), depth + 1)


def _refuse_archive_bomb(members: Sequence[zipfile.ZipInfo], policy: SeriesPolicy) -> None:
    unpacked = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members)
    if (
        unpacked > policy.max_archive_bytes
        or len(members) > policy.max_archive_members
        or unpacked > _most_unpacked_bytes(packed, policy)
        or any(info.file_size > _most_unpacked_bytes(info.compress_size, policy) for info in members)
    ):
        raise Refusal(
            Reason.DECOMPRESSION_BOMB,
            f"the archive claims {len(members)} files and {unpacked} bytes in {packed} packed bytes",
            members=len(members),
            unpacked_bytes=unpacked,
            packed_bytes=packed,
        )


def _most_unpacked_bytes(packed_bytes: int, policy: SeriesPolicy) -> int:
    """How much honest data `packed_bytes` can hold."""
    return max(policy.archive_ratio_from_bytes, int(policy.max_archive_ratio * packed_bytes))


def _instance(entry: _FileEntry, policy: SeriesPolicy) -> Instance | DamagedFile | None:
    """The object in a file, the damage that keeps it from being read, or None when the file is something else."""
    try:
        with _opened(entry, policy) as file:
            if not _is_dicom(file):
                if entry.looks_like_dicom:
                    raise Refusal(Reason.CORRUPT_FILE, "a file with the name of a DICOM file holds no DICOM object")
                return None
            content = _inflated(file, policy)
            header = _header(content, policy)
            pixels_at = content.tell()
    except PermissionError:
        forbidden = Refusal(Reason.UNREADABLE_FILES, "a file may not be read by the user who runs lungcad")
        return DamagedFile(forbidden, entry.named_like)
    except Refusal as refusal:
        return DamagedFile(refusal, entry.named_like, _named_series(entry, policy))
    odd = odd_texts(header, COPIED_KEYWORDS)
    return Instance(header, lambda: _completed(entry, header, pixels_at, policy), entry.named_like, odd)


def _named_series(entry: _FileEntry, policy: SeriesPolicy) -> str | None:
    """The series that a damaged object names, as far as its first bytes can be read."""
    try:
        with _opened(entry, policy) as file:
            start = read_partial(_inflated(file, policy), lambda tag, _vr, _length: tag > _SERIES_UID, force=True)
            return str(start.get("SeriesInstanceUID", "")) or None
    except (Refusal, *PARSE_ERRORS):
        return None


def _completed(entry: _FileEntry, header: Dataset, pixels_at: int, policy: SeriesPolicy) -> Dataset:
    """The object with its pixel data: the header that is known already, and what follows it in the file."""
    is_implicit_vr, is_little_endian = header.original_encoding
    with _opened(entry, policy) as file:
        content = _inflated(file, policy)
        content.seek(pixels_at)
        try:
            rest = read_dataset(
                content, bool(is_implicit_vr), is_little_endian is not False, stop_when=_is_beyond_pixels
            )
        except PARSE_ERRORS as error:
            raise Refusal(Reason.CORRUPT_FILE, "the pixel data of a DICOM file cannot be parsed") from error
        has_more = content.seek(0, os.SEEK_END) > pixels_at
    if _ends_early(rest) or (has_more and not any(tag.group == _PIXEL_GROUP for tag in rest.keys())):  # noqa: SIM118
        raise Refusal(Reason.TRUNCATED_FILE, "a DICOM file ends within its pixel data")
    completed = without_pixels(header)
    completed.update(rest)
    return completed


def _is_beyond_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    """Whether an element follows the pixel data: padding, a signature, or bytes that are no element at all."""
    return tag.group < _PIXEL_GROUP or tag > _PIXEL_DATA


def _opened(entry: _FileEntry, policy: SeriesPolicy) -> BinaryIO:
    """The content. Raises Refusal for what is damaged, or larger than any image: sparse files cost nothing to make."""
    if entry.archive is None:
        size = entry.path.stat().st_size
        if size == 0 and entry.looks_like_dicom:
            raise Refusal(Reason.TRUNCATED_FILE, "a DICOM file is empty")
        if size > policy.max_file_bytes and entry.path.is_file():
            raise Refusal(Reason.CORRUPT_FILE, f"a file of {size} bytes is larger than any image", bytes=size)
        return entry.path.open("rb")
    size = entry.archive.getinfo(entry.member).file_size
    if size > policy.max_file_bytes and not entry.member.lower().endswith(_ARCHIVE_SUFFIX):
        raise Refusal(
            Reason.DECOMPRESSION_BOMB,
            f"a member of the archive of {size} bytes is larger than any image",
            unpacked_bytes=size,
        )
    try:
        return io.BytesIO(entry.archive.read(entry.member))
    except ARCHIVE_ERRORS as error:
        raise Refusal(Reason.UNREADABLE_ARCHIVE, "a member of the archive is damaged") from error


def _is_dicom(file: BinaryIO) -> bool:
    """Whether the file has the DICOM prefix, or begins like an object that was saved without it."""
    start = file.read(_PREFIX_END)
    file.seek(0)
    if start[_PREFIX_END - 4 :] == b"DICM":
        return True
    if len(start) < _PREFIX_END:
        return False
    group, element, vr, length = struct.unpack("<HH2sH", start[:8])
    explicit = vr in (b"UL", b"UI", b"CS", b"OB") and length <= _MAX_FIRST_ELEMENT_BYTES
    implicit = int.from_bytes(start[4:8], "little") <= _MAX_FIRST_ELEMENT_BYTES
    return group in (0x0002, 0x0008) and element <= 0x0018 and (explicit or implicit)


def _header(content: BinaryIO, policy: SeriesPolicy) -> Dataset:
    """What comes before the pixel data; `content` is left where that begins (at its end when there is none)."""
    try:
        ds = read_partial(content, _up_to_pixels(policy.max_elements), force=True)
    except PARSE_ERRORS as error:
        raise Refusal(Reason.CORRUPT_FILE, "a DICOM file cannot be parsed") from error
    if not len(ds):
        raise Refusal(Reason.TRUNCATED_FILE, "a DICOM file ends before its data set")
    if "SOPClassUID" not in ds and "Modality" not in ds and "MediaStorageSOPClassUID" not in ds.file_meta:
        raise Refusal(Reason.CORRUPT_FILE, "a DICOM file does not say what it is")
    if _ends_early(ds) or _leaves_bytes(ds, content) or _lacks_its_image(ds):
        raise Refusal(Reason.TRUNCATED_FILE, "a DICOM file ends within its header")
    return ds


def _up_to_pixels(most: int) -> Callable[[BaseTag, str | None, int], bool]:
    """Stops at the pixel data. Raises Refusal for more elements than any object has: zeros would be read for hours."""
    read = 0

    def is_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal read
        read += 1
        if read > most:
            raise Refusal(Reason.CORRUPT_FILE, f"a DICOM file has more than {most} elements before its image")
        return tag.group == _PIXEL_GROUP and tag.element in _PIXEL_ELEMENTS

    return is_pixels


def _inflated(file: BinaryIO, policy: SeriesPolicy) -> BinaryIO:
    """The file as it is, or the explicit little endian data set of a deflated one (PS3.5 A.5).

    Raises Refusal when that is larger than is plausible.
    """
    packed_at = _deflated_from(file)
    if packed_at is None:
        return file
    file.seek(packed_at)
    packed = file.read()
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = inflater.decompress(packed, _most_unpacked_bytes(len(packed), policy))
    except zlib.error as error:
        raise Refusal(Reason.CORRUPT_FILE, "a deflated DICOM file cannot be inflated") from error
    if inflater.unconsumed_tail:
        raise Refusal(
            Reason.DECOMPRESSION_BOMB,
            f"a deflated DICOM file of {len(packed)} bytes holds more than {len(unpacked)} bytes",
            packed_bytes=len(packed),
            unpacked_bytes=len(unpacked),
        )
    if not inflater.eof:
        raise Refusal(Reason.TRUNCATED_FILE, "a deflated DICOM file ends early")
    return io.BytesIO(unpacked)


def _deflated_from(file: BinaryIO) -> int | None:
    """Where the deflated data set starts, or None when the file is of another transfer syntax."""
    start = file.read(_PREFIX_END + 12)
    is_meta = start[_PREFIX_END : _PREFIX_END + 8] == b"\x02\x00\x00\x00UL\x04\x00"
    meta = file.read(int.from_bytes(start[-4:], "little")) if is_meta else b""
    file.seek(0)
    return len(start) + len(meta) if DeflatedExplicitVRLittleEndian.encode() in meta else None


def _ends_early(ds: Dataset) -> bool:
    """Whether the last element is shorter than it says; pydicom then keeps what there is."""
    last = _last_raw_element(ds)
    return last is not None and len(last.value or b"") < last.length


def _leaves_bytes(ds: Dataset, content: BinaryIO) -> bool:
    """Whether pydicom stopped at the end of the content within the tag or length of an element."""
    last = _last_raw_element(ds)
    read_to = content.tell()
    end = content.seek(0, os.SEEK_END)
    content.seek(read_to)
    return read_to == end and last is not None and last.value_tell + last.length < end


def _lacks_its_image(ds: Dataset) -> bool:
    """Whether a CT object has not even the size of its image: it was cut between two elements."""
    sop_class = ds.get("SOPClassUID") or ds.file_meta.get("MediaStorageSOPClassUID")
    return sop_class in CT_IMAGES and not any(tag.group >= _IMAGE_GROUP for tag in ds.keys())  # noqa: SIM118


def _last_raw_element(ds: Dataset) -> RawDataElement | None:
    """The element that was read last, unless it is a sequence or was converted."""
    last = ds.get_item(list(ds.keys())[-1]) if len(ds) else None
    return last if isinstance(last, RawDataElement) and last.length != _UNDEFINED else None
