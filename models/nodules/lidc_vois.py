"""Real nodules in true HU with their surroundings and a consensus outline: the layout of `lidc_vois.npz`.

Each volume is (k, row, column) at the scan's own spacing, k towards the head.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cad.domain import BoolArray, Int16Array
from cad.errors import Reason, Refusal
from models.nodules.lidc_crops import arrays_of

ARRAYS = (
    "hu",
    "mask_bits",
    "start",
    "shape",
    "mask_start",
    "nodules",
    "nodule_columns",
    "ratings",
    "rating_columns",
)
COLUMNS = ("patient", "spacing_k_mm", "spacing_row_mm", "spacing_column_mm", "diameter_mm", "readers")


@dataclass(frozen=True, slots=True, eq=False)
class NoduleVolume:
    """One nodule: `hu` int16 and `consensus` bool [k, j, i], the ratings by name, 1 to 5 (calcification to 6)."""

    patient: str
    hu: Int16Array
    consensus: BoolArray
    spacing_mm: tuple[float, float, float]
    diameter_mm: float
    readers: int
    ratings: Mapping[str, float]

    @property
    def consensus_mm3(self) -> float:
        """Volume of the consensus outline."""
        k, j, i = self.spacing_mm
        return float(np.count_nonzero(self.consensus)) * k * j * i


def is_volumes(archive: Path) -> bool:
    """Whether a file has the arrays of this layout."""
    try:
        with np.load(archive, allow_pickle=False) as arrays:
            return set(ARRAYS) <= set(arrays.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False


def read_volumes(archive: Path) -> tuple[NoduleVolume, ...]:
    """Every nodule of an archive in this layout. Raises Refusal when the file is not one."""
    loaded = arrays_of(archive, ARRAYS)
    _check(loaded)
    return tuple(_nodule(loaded, n) for n in range(len(loaded["nodules"])))


def _check(arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    nodules, shape = arrays["nodules"], arrays["shape"]
    count = len(nodules)
    columns = [str(c) for c in arrays["nodule_columns"]]
    sound = (
        nodules.ndim == 2
        and nodules.shape[1] == len(columns)
        and shape.shape == (count, 3)
        and arrays["start"].shape == arrays["mask_start"].shape == (count + 1,)
        and arrays["ratings"].shape == (count, len(arrays["rating_columns"]))
        and all(name in columns for name in COLUMNS)
        and arrays["hu"].dtype == np.int16
        and arrays["mask_bits"].dtype == np.uint8
        and bool((shape.astype(np.int64) > 0).all())
    )
    if sound:
        sizes = shape.astype(np.int64).prod(axis=1)
        sound = bool(
            (np.diff(arrays["start"]) == sizes).all()
            and (np.diff(arrays["mask_start"]) >= (sizes + 7) // 8).all()
            and int(arrays["start"][-1]) == len(arrays["hu"])
            and int(arrays["mask_start"][-1]) == len(arrays["mask_bits"])
        )
    if not sound:
        raise Refusal(Reason.NOT_NODULE_CROPS, "the arrays of the archive do not fit together", nodules=count)


def _nodule(arrays: Mapping[str, npt.NDArray[np.generic]], n: int) -> NoduleVolume:
    columns = [str(c) for c in arrays["nodule_columns"]]
    record = dict(zip(columns, (float(v) for v in arrays["nodules"][n]), strict=True))
    names = [str(c) for c in arrays["rating_columns"]]
    k, j, i = (int(v) for v in arrays["shape"][n])
    start, bits = int(arrays["start"][n]), int(arrays["mask_start"][n])
    size = k * j * i
    packed = np.asarray(arrays["mask_bits"][bits : bits + (size + 7) // 8], dtype=np.uint8)
    return NoduleVolume(
        patient=f"LIDC-IDRI-{int(record['patient']):04d}",
        hu=np.asarray(arrays["hu"][start : start + size], dtype=np.int16).reshape(k, j, i).copy(),
        consensus=np.unpackbits(packed)[:size].reshape(k, j, i).astype(np.bool_),
        spacing_mm=(record["spacing_k_mm"], record["spacing_row_mm"], record["spacing_column_mm"]),
        diameter_mm=record["diameter_mm"],
        readers=int(record["readers"]),
        ratings=dict(zip(names, (float(v) for v in arrays["ratings"][n]), strict=True)),
    )
