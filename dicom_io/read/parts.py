"""The images of one series → the stacks in it, each of one geometry, one reconstruction and one acquisition.

A series can hold a stray scout, two phases at the same places or two breath-holds whose slices interleave. Read as one
volume they show anatomy that nobody has. Every stack is a candidate of its own, and the fullest is read.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Caution
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.files import Instance
from dicom_io.read.headers import Frame, frames_of, is_multi_frame, is_projection, kernel_of, word
from dicom_io.read.series import agree_in_geometry, heights_mm
from dicom_io.read.volume import pixel_bytes

_FULL_SHARE = 0.5
"""A stack with fewer images than this share of the fullest is no candidate: what lies in it was seen in passing."""

_ODD_SHARE = 0.1
"""Up to this share of a series, images that do not belong to the stack are odd ones; more are another stack."""

_MOST_ACQUISITIONS = 0.5
"""With more values than this per image, a number or time names images, not acquisitions."""

_APART = (
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "KVP",
    "SliceThickness",
    "ReconstructionDiameter",
    "ContentTime",
    "ImageComments",
)
"""What can tell images at one place apart when neither number nor time of the acquisition does."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stack of one series, and what a reader should know about what was left beside it."""

    instances: tuple[Instance, ...]
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    instance: Instance
    frame: Frame


_Stack = list[_Image]
_Split = Callable[[_Stack], list[_Stack]]


def parts_of(instances: Sequence[Instance], policy: SeriesPolicy) -> tuple[Part, ...]:
    """The stacks of a series, the fullest first; the whole series when it is one stack or none of it can be placed."""
    if len(instances) < 2 or any(is_multi_frame(i.header) for i in instances):
        return (Part(tuple(instances)),)
    placed = _placed(instances)
    kinds = _by_kind(placed)
    if not kinds:
        return (Part(tuple(instances)),)
    stacks = [stack for kind in kinds for stack in _acquisitions(_without_copies(kind, policy), policy)]
    stacks.sort(key=len, reverse=True)
    full = [stack for stack in stacks if len(stack) >= _FULL_SHARE * len(stacks[0])]
    return tuple(Part(tuple(i.instance for i in stack), _cautions(stack, full, len(instances))) for stack in full)


def _placed(instances: Sequence[Instance]) -> _Stack:
    """The images whose header says where they lie; a dose page or a protocol image does not.

    Empty when an image of the most frequent size and kind does not say it: that is damage.
    """
    found, lost = [], []
    for instance in instances:
        try:
            found.append(_Image(instance, frames_of(instance.header, 0)[0]))
        except Refusal:
            lost.append(instance)
    usual = Counter(_format(image.instance) for image in found).most_common(1)
    return [] if any(_format(instance) == usual[0][0] for instance in lost if usual) else found


def _format(instance: Instance) -> tuple[str | None, ...]:
    return tuple(word(instance.header, keyword) for keyword in ("Rows", "Columns", "ImageType", "SOPClassUID"))


def _by_kind(images: _Stack) -> list[_Stack]:
    """Images of one geometry, kernel, frame of reference, study and kind of object. Unknown is not another value."""
    splits: tuple[_Split, ...] = (
        _by_geometry,
        *(_by_known(key) for key in (_is_projection, kernel_of_image, _frame_of_reference, _study, _class)),
    )
    stacks = [images] if images else []
    for split in splits:
        stacks = [part for stack in stacks for part in split(stack)]
    return stacks


def kernel_of_image(image: _Image) -> str | None:
    """The reconstruction kernel that the header of an image names."""
    return kernel_of(image.instance.header)


def _is_projection(image: _Image) -> bool:
    return is_projection(image.instance.header)


def _frame_of_reference(image: _Image) -> str | None:
    return word(image.instance.header, "FrameOfReferenceUID")


def _study(image: _Image) -> str | None:
    return word(image.instance.header, "StudyInstanceUID")


def _class(image: _Image) -> str | None:
    return word(image.instance.header, "SOPClassUID")


def _by_geometry(images: _Stack) -> list[_Stack]:
    stacks: list[_Stack] = []
    for image in images:
        fitting = next((s for s in stacks if agree_in_geometry(s[0].frame, image.frame)), None)
        if fitting is None:
            stacks.append([image])
        else:
            fitting.append(image)
    return stacks


def _by_known(key: Callable[[_Image], Hashable]) -> _Split:
    """A split by value, images without a value beside the most frequent one."""

    def split(images: _Stack) -> list[_Stack]:
        groups = _groups(images, key)
        unknown = groups.pop(None, [])
        if not groups:
            return [images]
        max(groups.values(), key=len).extend(unknown)
        return list(groups.values())

    return split


def _groups(images: Iterable[_Image], key: Callable[[_Image], Hashable]) -> dict[Hashable, _Stack]:
    groups: dict[Hashable, _Stack] = defaultdict(list)
    for image in images:
        groups[key(image)].append(image)
    return groups


# Copies and acquisitions


def _heights(images: _Stack) -> list[float]:
    return [float(h) for h in heights_mm([i.frame for i in images])]


def _without_copies(images: _Stack, policy: SeriesPolicy) -> _Stack:
    """Each image once: the same object in two files, or the same pixels at the same place."""
    places = _groups(
        (image for image in images),
        lambda image: tuple(round(v / policy.coincident_slices_mm) for v in image.frame.position),
    )
    kept = []
    for alike in places.values():
        seen: set[str] = set()
        for image in alike:
            name = word(image.instance.header, "SOPInstanceUID") if len(alike) > 1 else ""
            content = _content(image) if len(alike) > 1 else ""
            if name in seen or content in seen:
                continue
            seen |= {v for v in (name, content) if v}
            kept.append(image)
    return kept


def _content(image: _Image) -> str:
    """What the pixels are; empty where they are not at hand, which makes no two images the same."""
    try:
        return hashlib.sha256(pixel_bytes(image.instance.with_pixels())).hexdigest()
    except Refusal:
        return ""


def _acquisitions(images: _Stack, policy: SeriesPolicy) -> list[_Stack]:
    """The images of each acquisition by its number, its time, and at one place by whatever tells them apart."""
    stacks = [images]
    for keyword in ("AcquisitionNumber", "AcquisitionTime", "AcquisitionDateTime"):
        stacks = [part for stack in stacks for part in _apart_in_space(stack, keyword, policy)]
    return [part for stack in stacks for part in _without_coincidence(stack, policy)]


def _apart_in_space(images: _Stack, keyword: str, policy: SeriesPolicy) -> list[_Stack]:
    """Acquisitions in their order, put together as long as each lies beside the ones before: table positions do."""
    acquisitions = _by_known(lambda image: word(image.instance.header, keyword))(images)
    if len(acquisitions) < 2 or len(acquisitions) > _MOST_ACQUISITIONS * len(images):
        return [images]
    acquisitions.sort(key=lambda stack: _in_order(word(stack[0].instance.header, keyword)))
    stacks: list[_Stack] = []
    for acquisition in acquisitions:
        beside = next((s for s in stacks if not _interleave(s, acquisition, policy)), None)
        if beside is None:
            stacks.append(list(acquisition))
        else:
            beside.extend(acquisition)
    return stacks


def _in_order(text: str | None) -> tuple[float, str]:
    try:
        return float(text or 0), ""
    except ValueError:
        return 0.0, text or ""


def _interleave(stack: _Stack, other: _Stack, policy: SeriesPolicy) -> bool:
    """Whether slices of one lie between or upon slices of the other."""
    heights = _heights([*stack, *other])
    own, others = heights[: len(stack)], heights[len(stack) :]
    reach = policy.coincident_slices_mm
    return min(others) <= max(own) + reach and min(own) <= max(others) + reach


def _without_coincidence(images: _Stack, policy: SeriesPolicy) -> list[_Stack]:
    """The stacks in which no two images share a place; the images as they are when nothing tells them apart."""
    if not _coincide(images, policy):
        return [images]
    splits: list[_Split] = [_by_known(_value(keyword)) for keyword in _APART]
    for split in (*splits, _by_image_type, _runs):
        stacks = split(images)
        if len(stacks) > 1 and not any(_coincide(stack, policy) for stack in stacks):
            return stacks
    return [images]


def _value(keyword: str) -> Callable[[_Image], Hashable]:
    return lambda image: word(image.instance.header, keyword)


def _by_image_type(images: _Stack) -> list[_Stack]:
    return _by_known(_value("ImageType"))(images)


def _coincide(images: _Stack, policy: SeriesPolicy) -> bool:
    return bool(np.any(np.diff(np.sort(_heights(images))) <= policy.coincident_slices_mm))


def _runs(images: _Stack) -> list[_Stack]:
    """The images in the order of their numbers, cut where the table would have to jump back."""
    numbered = [(_in_order(word(image.instance.header, "InstanceNumber"))[0], n) for n, image in enumerate(images)]
    ordered = [images[n] for _, n in sorted(numbered)]
    heights = _heights(ordered)
    forwards = np.sign(np.median(np.diff(heights))) or 1.0
    stacks: list[_Stack] = [[ordered[0]]]
    for image, step in zip(ordered[1:], np.diff(heights), strict=True):
        if step * forwards <= 0:
            stacks.append([])
        stacks[-1].append(image)
    return stacks


# What a reader should know


def _cautions(stack: _Stack, full: Sequence[_Stack], images: int) -> tuple[Caution, ...]:
    left = images - len(stack)
    if left == 0:
        return ()
    if len(full) == 1 and left <= max(1, _ODD_SHARE * images):
        text = (
            f"{left} of {images} images of the series were left out: copies, or of another size, orientation, place or "
            "kind."
        )
        return (Caution("odd-images-left-out", text),)
    text = (
        f"The series holds more than one stack of images (acquisitions, phases or reconstructions); the fullest was "
        f"read, {len(stack)} of {images} images."
    )
    return (Caution("several-stacks-in-series", text),)
