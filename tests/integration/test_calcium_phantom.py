"""The physical calcium phantom (QRM, 47 slices of 3 mm at 120 kVp) against the scores published of the same images.

The truth is MolloiLab's table of another implementation (CAC-stanford-data, MIT). It lies beside the images.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from cad.domain import NoduleMask, Volume
from cad.geometry import positions_of
from cad.policy import Policy
from cad.science.calcium.candidates import JOINED
from cad.science.calcium.scores import LesionScore, score_lesion
from dicom_io.read.reading import load_series
from tests.places import SHARED_DATA

CT = SHARED_DATA / "ct"
PHANTOM, TABLE = CT / "QRM-CALCIUM-PHANTOM", CT / "QRM-CALCIUM-PHANTOM.json"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not TABLE.is_file(), reason="the shared real CT data are not beside the checkout"),
]

CENTRE_LPS_MM = (-2.6, 0.2, 600.0)
RINGS_MM = {"large": (33.0, 42.0), "medium": (21.0, 29.0), "small": (9.0, 17.0)}
"""The inserts lie on three rings around the middle of the phantom: 5, 3 and 1 mm, each in three densities."""
SPOKES = {"Low Density": 60.0, "Medium Density": -63.0, "High Density": 178.0}
"""The direction of each density from the middle, in degrees from the patient's left to posterior."""


@dataclass(frozen=True, slots=True)
class Insert:
    """One insert of the phantom as it was scored; None when no slice of it reaches the threshold on 1 mm²."""

    score: LesionScore | None
    published_agatston: float
    published_mass_mg: float
    factor: float

    @property
    def agatston(self) -> float:
        return 0.0 if self.score is None else self.score.agatston

    @property
    def mass_mg(self) -> float:
        """Calibrated mass: the phantom's factor times mean HU times volume (McCollough et al., Radiology 2007)."""
        return 0.0 if self.score is None else self.factor * self.score.mean_hu * self.score.volume_mm3


def lesions_of(volume: Volume) -> list[NoduleMask]:
    labels, _ = ndimage.label(volume.hu >= 130, structure=JOINED)
    boxes = enumerate(ndimage.find_objects(labels), start=1)
    return [
        NoduleMask(labels[box] == label, (box[0].start, box[1].start, box[2].start), volume.grid)
        for label, box in boxes
        if np.count_nonzero(labels[box] == label) < 1000
    ]


def place_of(lesion: NoduleMask) -> tuple[str, str] | None:
    """Density and size of the insert at a lesion's place; None when there is none."""
    middle = (np.argwhere(lesion.voxels).mean(axis=0) + lesion.offset)[None].astype(np.float64)
    x, y, z = positions_of(lesion.grid, middle)[0] - CENTRE_LPS_MM
    radius, angle = float(np.hypot(x, y)), float(np.degrees(np.arctan2(y, x)))
    sizes = [size for size, (low, high) in RINGS_MM.items() if low <= radius <= high]
    densities = [d for d, spoke in SPOKES.items() if abs((angle - spoke + 180) % 360 - 180) < 15]
    return (densities[0], sizes[0]) if sizes and densities and abs(z) < 6 else None


@pytest.fixture(scope="module")
def inserts() -> dict[tuple[str, str], Insert]:
    volume = load_series([PHANTOM], Policy().series).volume
    by_size = sorted(lesions_of(volume), key=lambda lesion: lesion.voxel_count)  # specks beside an insert come first
    scores = {
        place: score_lesion(volume, lesion, Policy().calcium) for lesion in by_size if (place := place_of(lesion))
    }
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        (row["inserts"], size): Insert(
            scores.get((row["inserts"], size)),
            float(row[f"calculated_agat_{size}"]),
            float(row[f"calculated_mass_{size}"]),
            float(row["mass_cal_factor"]),
        )
        for row in rows
        for size in RINGS_MM
    }


@pytest.mark.parametrize(("size", "tolerance"), [("large", 0.03), ("medium", 0.10)])
@pytest.mark.parametrize("density", list(SPOKES))
def test_agatston_of_5_and_3_mm_inserts_is_the_published_one(
    inserts: dict[tuple[str, str], Insert], density: str, size: str, tolerance: float
) -> None:
    insert = inserts[density, size]
    assert insert.agatston == pytest.approx(insert.published_agatston, rel=tolerance)


def test_inserts_of_1_mm_score_nothing_but_the_densest(inserts: dict[tuple[str, str], Insert]) -> None:
    assert inserts["Low Density", "small"].agatston == 0
    assert inserts["Medium Density", "small"].agatston == 0
    densest = inserts["High Density", "small"]
    # 26 pixels of weight 1, or 13 of weight 2: one of them is 4 to 8 %
    assert densest.agatston == pytest.approx(densest.published_agatston, rel=0.10)


def test_the_order_of_the_published_scores_is_kept(inserts: dict[tuple[str, str], Insert]) -> None:
    found = sorted(inserts, key=lambda place: (inserts[place].agatston, place))
    published = sorted(inserts, key=lambda place: (inserts[place].published_agatston, place))
    assert found == published


@pytest.mark.parametrize("density", list(SPOKES))
def test_calibrated_mass_of_5_mm_inserts_is_the_published_calculation(
    inserts: dict[tuple[str, str], Insert], density: str
) -> None:
    insert = inserts[density, "large"]
    assert insert.mass_mg == pytest.approx(insert.published_mass_mg, rel=0.05)
