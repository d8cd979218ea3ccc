"""The identifiers that every object needs: demanded from a PACS, supplied for folders of stripped files.

Anonymisers leave identifiers out, give each image its own, or all images the same. Files that belong together by what
is left (study, number and description of the series, geometry) are then given generated identifiers, with a caution;
objects of a PACS are refused instead, for results must refer to what the PACS knows.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from cad.domain import Caution
from cad.errors import Reason, Refusal
from dicom_io.read.files import Instance, without_pixels
from dicom_io.read.headers import word, words
from dicom_io.read.volume import pixel_bytes
from dicom_io.uids import derived_uid

GROUP_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
"""What all images of a series share."""

REQUIRED_UIDS = ("SOPClassUID", "SOPInstanceUID", *GROUP_UIDS)

_LIKENESS = (
    "ImageOrientationPatient",
    "Rows",
    "Columns",
    "PixelSpacing",
    "SliceThickness",
    "ConvolutionKernel",
    "SeriesNumber",
    "SeriesDescription",
)
"""Files that agree in these form one series when they do not name theirs, or when each names one of its own."""

_OWN_SHARE = 0.8
"""Images of which this share has an identifier of its own share none: a study has a few of them, no anonymiser."""

_FEWEST_OF_THEIR_OWN = 4
"""Fewer images than this with identifiers of their own may be what they say."""

Uids = Mapping[str, str]


def require_identifiers(instances: Sequence[Instance]) -> None:
    """Raises Refusal when an object lacks a UID that results must refer to, or when each has a series of its own."""
    missing = tuple(k for k in REQUIRED_UIDS if any(not _has_uid(i.header, k) for i in instances))
    if missing:
        raise Refusal(Reason.MISSING_IDENTIFIERS, f"objects lack {', '.join(missing)}", attributes=missing)
    for group in _grouped(instances, _likeness).values():
        if _have_their_own(group, "SeriesInstanceUID"):
            raise Refusal(
                Reason.BROKEN_IDENTIFIERS,
                f"{len(group)} images of one kind are {len(group)} series: an anonymiser gave each image its own",
                images=len(group),
                attributes=("SeriesInstanceUID",),
            )


def supply_identifiers(instances: Sequence[Instance]) -> tuple[tuple[Instance, ...], tuple[Caution, ...]]:
    """The objects with every UID, and a caution when some had to be generated.

    Generated UIDs follow from the content: the same files have the same UIDs each time they are read. An image that
    lacks what all others of its series agree in is completed by them.
    """
    broken: dict[str, None] = {}
    supplied: list[Instance] = []
    for group in _series_of(instances).values():
        named = _with_own_names(group, broken)
        supplied += _with_uids(named, _shared_uids(named, broken))
    if not broken:
        return tuple(supplied), ()
    text = (
        f"Files lack {', '.join(sorted(broken))} of their own or in common; they were grouped by what is left and "
        "given generated identifiers."
    )
    return tuple(supplied), (Caution("generated-identifiers", text),)


# Which images belong together


def _series_of(instances: Sequence[Instance]) -> dict[tuple[str, ...], list[Instance]]:
    """The images by series: those that name none, or each one of its own, by their likeness."""
    groups: dict[tuple[str, ...], list[Instance]] = defaultdict(list)
    for likeness, alike in _grouped(instances, _likeness).items():
        named = {word(i.header, "SeriesInstanceUID") or "" for i in alike if _has_uid(i.header, "SeriesInstanceUID")}
        if _have_their_own(alike, "SeriesInstanceUID"):
            groups["alike", *likeness] += alike
            continue
        for instance in alike:
            own = word(instance.header, "SeriesInstanceUID") if _has_uid(instance.header, "SeriesInstanceUID") else None
            uid = own or (next(iter(named)) if len(named) == 1 else None)
            groups[("named", uid) if uid else ("alike", *likeness)].append(instance)
    return groups


def _grouped(
    instances: Sequence[Instance], key: Callable[[Dataset], tuple[str, ...]]
) -> dict[tuple[str, ...], list[Instance]]:
    groups: dict[tuple[str, ...], list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[key(instance.header)].append(instance)
    return groups


def _likeness(header: Dataset) -> tuple[str, ...]:
    return tuple("\\".join(words(header, keyword)) for keyword in _LIKENESS)


def _have_their_own(group: Sequence[Instance], keyword: str) -> bool:
    """Whether nearly every image has a value that no other has."""
    values = Counter(word(i.header, keyword) for i in group if _has_uid(i.header, keyword))
    return len(group) >= _FEWEST_OF_THEIR_OWN and len(values) >= _OWN_SHARE * len(group)


def _has_uid(header: Dataset, keyword: str) -> bool:
    uid = word(header, keyword) or ""
    return 0 < len(uid) <= 64 and uid.replace(".", "").isdigit()


# What they are given


def _shared_uids(group: Sequence[Instance], broken: dict[str, None]) -> Uids:
    """What an image of the series is given: the common value where it lacks it, a new one where each has its own."""
    seed = _seed(group)
    uids: dict[str, str] = {}
    for keyword in GROUP_UIDS:
        values = {word(i.header, keyword) or "" for i in group if _has_uid(i.header, keyword)}
        is_whole = all(_has_uid(i.header, keyword) for i in group)
        if is_whole and not _have_their_own(group, keyword):
            continue
        broken[keyword] = None
        is_common = len(values) == 1
        uids[keyword] = next(iter(values)) if is_common else derived_uid(keyword, seed)
    return uids


def _seed(group: Iterable[Instance]) -> str:
    """What the generated UIDs of a series follow from: those of its images."""
    names = sorted(word(i.header, "SOPInstanceUID") or "" for i in group)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _with_uids(group: Sequence[Instance], uids: Uids) -> list[Instance]:
    own = [keyword for keyword in uids if _have_their_own(group, keyword)]
    return [_completed(i, {k: v for k, v in uids.items() if k in own or not _has_uid(i.header, k)}) for i in group]


def _with_own_names(group: Sequence[Instance], broken: dict[str, None]) -> list[Instance]:
    """The images of a series, each with a class and with a name that no other place of the series has."""
    named: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for instance in group:
        named[word(instance.header, "SOPInstanceUID") or ""].add(words(instance.header, "ImagePositionPatient"))
    found = []
    for instance in group:
        uids: dict[str, str] = {}
        if not _has_uid(instance.header, "SOPClassUID"):
            uids["SOPClassUID"] = CTImageStorage
        name = word(instance.header, "SOPInstanceUID") or ""
        if not _has_uid(instance.header, "SOPInstanceUID") or len(named[name]) > 1:
            uids["SOPInstanceUID"] = _content_uid(instance)
        broken |= dict.fromkeys(uids)
        found.append(_completed(instance, uids))
    return found


def _content_uid(instance: Instance) -> str:
    series = word(instance.header, "SeriesInstanceUID") or ""
    content = hashlib.sha256(pixel_bytes(instance.with_pixels())).hexdigest()
    return derived_uid("instance", series, content, "\\".join(words(instance.header, "ImagePositionPatient")))


def _completed(instance: Instance, uids: Uids) -> Instance:
    if not uids:
        return instance
    completed = without_pixels(instance.header)
    for keyword, uid in uids.items():
        completed.add_new(keyword, "UI", uid)
    return replace(instance, header=completed)
