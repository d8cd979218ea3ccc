"""Volumes against the outlines of LIDC readers, for candidates at the readers' place and with a detector's errors."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from cad.domain import BoolArray, Candidate, Int16Array, LungMask, Marks, PointLps, Volume
from cad.geometry import grid_from, position_of, sphere_diameter_mm
from cad.policy import NodulePolicy
from cad.science.nodules import characterise
from tests.places import SHARED_DATA

CROPS = SHARED_DATA / "lidc_hu_crops.npz"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CROPS.exists(), reason="the shared CT data are not beside the checkout"),
]


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A part of a scan with one nodule, whose volume is the mean of its readers'."""

    volume: Volume
    lungs: LungMask
    centre: PointLps
    mean_volume_mm3: float


def closed_lungs(hu: Int16Array, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Aerated lung and what a ball of 6 mm closes: a crop is too small for the segmentation of whole lungs."""
    air: BoolArray = ndimage.gaussian_filter(hu.astype(np.float32), [0.7 / s for s in spacing_mm]) < -500
    grown = np.pad(ndimage.distance_transform_edt(~air, sampling=spacing_mm) <= 6, 1, constant_values=True)
    closed: BoolArray = ndimage.distance_transform_edt(grown, sampling=spacing_mm)[1:-1, 1:-1, 1:-1] > 6
    return air | closed


def crops() -> list[Crop]:
    """Crops whose spacing is on record. A crop is centred on its nodule but where the scan ends."""
    arrays, records = np.load(CROPS), json.loads(CROPS.with_suffix(".json").read_text())
    known = np.load(SHARED_DATA / "lidc_crops.npz")["nodules"]
    spacing = {str(n["patient"]): (float(n["slice_spacing_mm"]), float(n["pixel_spacing_mm"])) for n in known}
    found = []
    for name, record in records.items():
        if record["PatientID"] not in spacing:
            continue
        dk, dp = spacing[record["PatientID"]]
        hu = np.clip(arrays[name], -1024, 3071).astype(np.int16)
        middle = [(int(record[f"{a}_start"]) + int(record[f"{a}_stop"])) / 2 for a in "zyx"]
        k, j, i = (m - max(0, round(m - n / 2)) for m, n in zip(middle, (60, 100, 100), strict=True))
        grid = grid_from((hu.shape[0], hu.shape[1], hu.shape[2]), (dk, dp, dp), PointLps(0, 0, 0))
        lungs = LungMask(closed_lungs(hu, (dk, dp, dp)).astype(np.uint8), grid)
        found.append(Crop(Volume(hu, grid, "1.2.3"), lungs, position_of(grid, (k, j, i)), float(record["Volume"])))
    return found


def volume_ratio(crop: Crop, off_mm: tuple[float, float, float], size: float) -> float:
    centre = PointLps(crop.centre.x + off_mm[2], crop.centre.y + off_mm[1], crop.centre.z + off_mm[0])
    candidate = Candidate(centre, max(3.0, size * sphere_diameter_mm(crop.mean_volume_mm3)), 0.9, "readers")
    (nodule,) = characterise(crop.volume, crop.lungs, Marks((candidate,)), NodulePolicy(), "series")
    return nodule.volume_mm3 / crop.mean_volume_mm3


def test_volumes_agree_with_readers_within_the_spread_between_readers() -> None:
    exact = np.array([volume_ratio(crop, (0, 0, 0), 1.0) for crop in crops()])
    assert len(exact) >= 10
    # readers' outlines run outside the nodule: half a pixel around a ball of 8 mm is a quarter of its volume
    assert 0.75 < float(np.median(exact)) < 1.1
    # single readers of small nodules differ by a factor of two
    assert float((np.abs(np.log(exact)) < np.log(2)).mean()) >= 0.85


def test_volumes_hold_when_the_detector_is_off_by_two_millimetres_and_a_fifth() -> None:
    ratios = []
    for crop in crops():
        exact = volume_ratio(crop, (0, 0, 0), 1.0)
        ratios.append(volume_ratio(crop, (0, 1.4, -1.4), 0.8) / exact)
        ratios.append(volume_ratio(crop, (1.0, -1.2, 1.2), 1.2) / exact)
    within = np.abs(np.log(ratios)) < np.log(1.25)
    assert float(within.mean()) >= 0.75
