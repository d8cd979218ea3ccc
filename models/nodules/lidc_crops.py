"""Real nodules with the outlines and ratings of up to four readers: the layout of `lidc_crops.npz`.

The archive holds every slice of each nodule as 64 x 64 pixels at the scan's own spacing, scaled slice by slice from
the least to the greatest attenuation in it, with the number of readers who marked each pixel.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cad.domain import BoolArray, FloatArray, UInt8Array
from cad.errors import Reason, Refusal

SIDE = 64
"""Pixels of a crop's slices along each edge."""

ARRAYS = ("image", "votes", "start", "nodules", "ratings", "rating_columns")
FIELDS = ("patient", "pixel_spacing_mm", "slice_spacing_mm", "readers")
RATINGS = (
    "subtlety",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "malignancy",
)


@dataclass(frozen=True, slots=True, eq=False)
class RatedNodule:
    """One nodule: `image` and `votes` uint8 [k, j, i], k upwards in the archive's order, and each reader's ratings.

    `spacing_mm` is (k, j, i). `ratings` maps the rating's name to the readers' values of 1 to 5 (calcification: 1 to
    6, 6 being absent), one for each reader who gave one.
    """

    patient: str
    image: UInt8Array
    votes: UInt8Array
    spacing_mm: tuple[float, float, float]
    readers: int
    ratings: Mapping[str, FloatArray]

    @property
    def consensus(self) -> BoolArray:
        """Voxels [k, j, i] that at least half of the readers marked."""
        mask: BoolArray = 2 * self.votes.astype(np.int16) >= self.readers
        return mask & (self.votes > 0)

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel."""
        k, j, i = self.spacing_mm
        return k * j * i

    def mean_rating(self, name: str) -> float:
        """The mean of the readers' ratings; NaN when none of them gave one."""
        values = self.ratings[name]
        return float(values.mean()) if len(values) else float("nan")


def read_crops(archive: Path) -> tuple[RatedNodule, ...]:
    """Every nodule of an archive in this layout. Raises Refusal when the file is not one."""
    loaded = arrays_of(archive, ARRAYS)
    _check(loaded)
    return tuple(_nodule(loaded, n) for n in range(len(loaded["nodules"])))


def arrays_of(archive: Path, names: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
    """The named arrays [...] of an archive. Raises Refusal when the file is none, or lacks one of them."""
    try:
        with np.load(archive, allow_pickle=False) as arrays:
            missing = [name for name in names if name not in arrays.files]
            if missing:
                raise Refusal(Reason.NOT_NODULE_CROPS, f"the archive lacks {', '.join(missing)}")
            return {name: arrays[name] for name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise Refusal(Reason.NOT_NODULE_CROPS, "the file is not a readable archive of arrays") from error


def _check(arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    image, votes, start, nodules = (arrays[name] for name in ("image", "votes", "start", "nodules"))
    fields = nodules.dtype.names or ()
    columns = [str(c) for c in arrays["rating_columns"]]
    sound = (
        image.ndim == 3
        and image.shape[1:] == (SIDE, SIDE)
        and image.shape == votes.shape
        and image.dtype == votes.dtype == np.uint8
        and start.shape == (len(nodules) + 1,)
        and int(start[-1]) == len(image)
        and bool((np.diff(start.astype(np.int64)) > 0).all())
        and all(name in fields for name in FIELDS)
        and all(name in columns for name in RATINGS)
        and arrays["ratings"].shape[0] == len(nodules)
    )
    if not sound:
        text = "the arrays of the archive do not fit together as nodule crops do"
        raise Refusal(Reason.NOT_NODULE_CROPS, text, slices=len(image), nodules=len(nodules))


def _nodule(arrays: Mapping[str, npt.NDArray[np.generic]], n: int) -> RatedNodule:
    record = arrays["nodules"][n]
    rows = slice(int(arrays["start"][n]), int(arrays["start"][n + 1]))
    columns = [str(c) for c in arrays["rating_columns"]]
    rated = np.asarray(arrays["ratings"][n], dtype=np.float64)
    ratings = {name: rated[:, columns.index(name)] for name in RATINGS}
    pixel = float(record["pixel_spacing_mm"])
    return RatedNodule(
        patient=str(record["patient"]),
        image=np.asarray(arrays["image"][rows], dtype=np.uint8),
        votes=np.asarray(arrays["votes"][rows], dtype=np.uint8),
        spacing_mm=(float(record["slice_spacing_mm"]), pixel, pixel),
        readers=int(record["readers"]),
        ratings={name: values[values > 0] for name, values in ratings.items()},
    )
