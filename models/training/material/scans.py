"""From labelled scans and HU crops to training backgrounds on the working grid."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from cad.domain import FloatArray, Int16Array, LungMask, PointLps, UInt8Array, Volume
from cad.geometry import grid_from, indices_of, positions_of, sphere_diameter_mm
from cad.policy import LungPolicy
from cad.science.lungs import segment_lungs
from models.detector.rpn3d import RpnConfig
from models.phantom.simulation import StudyRecipe, simulate_volume
from models.running.resample import WorkingBox, lung_bounds, working_box
from models.training.detector.patches import Background, Lesion
from models.training.material.blend import Optics
from models.training.material.sites import sites_of

UNLABELLED = Path(__file__).parent / "unlabelled.toml"

BOX_MARGIN_MM = 16.0
"""Tissue kept around the lungs, so that the network learns the chest wall and the mediastinum."""


@dataclass(frozen=True, slots=True)
class LabelledNodule:
    """A real nodule of a training scan; `sure` when enough readers saw it to be a target."""

    centre: PointLps
    diameter_mm: float
    sure: bool


@dataclass(frozen=True, slots=True, eq=False)
class TrainingScan:
    """A chest CT with its lungs and known nodules. `kernel` is the scanner's own word, empty when it says none.

    `unlabelled` are places that look like a nodule and that nobody labelled.
    """

    name: str
    volume: Volume
    lungs: LungMask
    slice_thickness_mm: float
    nodules: tuple[LabelledNodule, ...]
    kernel: str = ""
    unlabelled: tuple[LabelledNodule, ...] = ()


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a scan was made. `kernel` is the scanner's own word, empty when it says none."""

    slice_thickness_mm: float
    kernel: str


CROP_WEIGHT = 0.15
"""How often a crop of 70 x 70 x 150 mm is drawn, relative to a whole scan."""

PHANTOM_WEIGHT = 0.3


def background_of(scan: TrainingScan, config: RpnConfig, weight: float = 1.0) -> Background:
    """The scan's lung region on the working grid, with places where nodules may be put."""
    low, high = lung_bounds(scan.lungs, BOX_MARGIN_MM)
    box = working_box(scan.volume, low, high, config.spacing_mm, torch.device("cpu"))
    hu = box.hu.numpy().round().clip(-1024, 3071).astype(np.int16)
    lungs = _labels_on(box, scan.lungs)
    sure = tuple(_lesion(box, n) for n in scan.nodules if n.sure)
    unsure = tuple(_lesion(box, n) for n in scan.nodules if not n.sure)
    optics = optics_of(hu, lungs, scan.slice_thickness_mm)
    unlabelled = tuple(_lesion(box, n) for n in scan.unlabelled)
    return Background(
        scan.name,
        hu,
        lungs=lungs,
        lesions=sure,
        unsure=unsure,
        optics=optics,
        sites=sites_of(hu, lungs, seed=7),
        weight=weight,
        unlabelled=unlabelled,
    )


def unlabelled_places() -> dict[str, tuple[LabelledNodule, ...]]:
    """Places of the public training scans that look like a nodule and that nobody labelled, by scan."""
    found: dict[str, tuple[LabelledNodule, ...]] = {}
    for place in tomllib.loads(UNLABELLED.read_text(encoding="utf-8"))["place"]:
        x, y, z = place["centre_lps_mm"]
        nodule = LabelledNodule(PointLps(x, y, z), place["diameter_mm"], sure=False)
        found[place["scan"]] = (*found.get(place["scan"], ()), nodule)
    return found


def phantom_background(seed: int, config: RpnConfig) -> Background:
    """A simulated chest without nodules, for variety of build and vessels."""
    volume = simulate_volume(StudyRecipe(seed=seed, nodules=0))
    scan = TrainingScan(f"phantom-{seed}", volume, segment_lungs(volume, LungPolicy()).lungs, 2.0, ())
    return background_of(scan, config, PHANTOM_WEIGHT)


def _labels_on(box: WorkingBox, lungs: LungMask) -> UInt8Array:
    """Lung labels on the box's grid, nearest neighbour; both grids share their axes."""
    at = [
        indices_of(lungs.grid, positions_of(box.grid, _line(box.grid.shape, axis)))[:, axis].round().astype(int)
        for axis in range(3)
    ]
    clipped = [np.clip(a, 0, n - 1) for a, n in zip(at, lungs.grid.shape, strict=True)]
    return np.asarray(lungs.labels[np.ix_(*clipped)])


def _line(shape: Sequence[int], axis: int) -> FloatArray:
    line = np.zeros((shape[axis], 3))
    line[:, axis] = np.arange(shape[axis])
    return line


def _lesion(box: WorkingBox, nodule: LabelledNodule) -> Lesion:
    k, j, i = indices_of(box.grid, nodule.centre.as_array()[None])[0]
    return Lesion((float(k), float(j), float(i)), nodule.diameter_mm)


def optics_of(hu: Int16Array, lungs: UInt8Array, slice_thickness_mm: float) -> Optics:
    """Blur and noise of a scan [k, j, i], the noise from slice-wise differences in aerated lung (robust deviation)."""
    aerated = (lungs > 0) & (hu < -800)
    difference = np.diff(hu.astype(np.float32), axis=2)[aerated[:, :, 1:] & aerated[:, :, :-1]]
    spread = 1.4826 * float(np.median(np.abs(difference - np.median(difference)))) if len(difference) else 30.0
    return Optics(
        in_plane_sigma_mm=0.45, axial_sigma_mm=max(0.35, 0.32 * slice_thickness_mm), noise_hu=min(60.0, spread)
    )


def crop_backgrounds(
    archive: Path, pixel_spacing_mm: dict[str, tuple[float, float]], config: RpnConfig
) -> tuple[Background, ...]:
    """The HU crops as backgrounds: their real nodules are used as they are, others are blended in.

    `pixel_spacing_mm` maps a patient to (pixel, slice) spacing. Each crop is centred on its nodule, 30 slices below it
    where the scan allows. Crops that fewer than 3 readers marked are left out.
    """
    facts = json.loads(archive.with_suffix(".json").read_text())
    found = []
    with np.load(archive) as crops:
        for name, fact in facts.items():
            if int(fact["NumAnnotations"]) < 3:
                continue
            hu = np.array(crops[name])
            pixel, gap = pixel_spacing_mm[fact["PatientID"]]
            middle = (float(fact["z_start"]) + float(fact["z_stop"])) / 2
            volume = Volume(hu.astype(np.int16), grid_from(hu.shape, (gap, pixel, pixel), PointLps(0, 0, 0)), "crop")
            box = working_box(volume, (0, 0, 0), hu.shape, config.spacing_mm, torch.device("cpu"))
            centre = PointLps(49.5 * pixel, 49.5 * pixel, min(middle, 30.0) * gap)
            nodule = LabelledNodule(centre, sphere_diameter_mm(float(fact["Volume"])), sure=True)
            data = box.hu.numpy().round().clip(-1024, 3071).astype(np.int16)
            labels = aerated_lung(data)
            sites = sites_of(data, labels, seed=7) if labels.any() else None
            optics = optics_of(data, labels, gap)
            found.append(
                Background(
                    name,
                    data,
                    lungs=labels,
                    lesions=(_lesion(box, nodule),),
                    unsure=(),
                    optics=optics,
                    sites=sites,
                    weight=CROP_WEIGHT,
                )
            )
    return tuple(found)


def aerated_lung(hu: Int16Array) -> UInt8Array:
    """Lung in a crop [k, j, i] that holds no whole lung: air with tissue in it, of at least 5 ml, closed over vessels.

    Room air is as dark but empty: its mean lies below -960 HU.
    """
    dark = ndimage.binary_opening(ndimage.gaussian_filter(hu.astype(np.float32), 1.0) < -500, iterations=2)
    labels, count = ndimage.label(dark)
    lung = np.zeros(hu.shape, dtype=bool)
    for n in range(1, count + 1):
        part = labels == n
        if np.count_nonzero(part) > 5000 and hu[part].mean() > -960:
            lung |= part
    closed = ndimage.binary_closing(np.pad(lung, 6, mode="edge"), iterations=6)[6:-6, 6:-6, 6:-6]
    return np.asarray(closed & ~(labels > 0) | lung, dtype=np.uint8)
