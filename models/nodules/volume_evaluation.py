"""How the volumes of real nodules compare with their readers', on their own grid, on a finer and on a coarser one.

Each nodule is measured at its readers' place, by the networks that never saw its patient. A crop of a few slices is too
small to show that they were interpolated, as a scan would: there it is told, like a thickness in a header.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Candidate, LungMask, Marks, Nodule, PointLps, Volume
from cad.geometry import grid_from, sphere_diameter_mm
from cad.policy import Policy
from cad.science.nodules import characterise
from cad.science.sampling import measured_grid
from models.nodules.lidc_vois import NoduleVolume
from models.nodules.reader import NoduleNetworks
from models.running.copies import halved, resampled

OWN, FINER, COARSER = "own", "twice as fine", "half as fine"
LUNG_HU, WALL_MM = -400.0, 8.0
"""Lung in a crop: what is darker, closed over what lies within so many mm of it on all sides."""

LEAST_READERS = 3
KINDS = ("ground-glass", "part-solid", "solid")
BANDS_MM = ((0.0, 6.0), (6.0, 10.0), (10.0, 20.0), (20.0, math.inf))


@dataclass(frozen=True, slots=True)
class VolumeReading:
    """One nodule on one grid: what was measured, and its readers' volume."""

    patient: str
    nodule: int
    grid: str
    kind: str
    diameter_mm: float
    readers_mm3: float
    volume_mm3: float
    interval_mm3: tuple[float, float]
    mean_mm: float
    composition: str
    drawn_ratio: float
    delineation: str

    @property
    def ratio(self) -> float:
        """The volume over that of the readers."""
        return self.volume_mm3 / self.readers_mm3


def volume_readings(
    nodules: Sequence[NoduleVolume], networks: NoduleNetworks, policy: Policy, say: Callable[[str], None]
) -> list[VolumeReading]:
    """The readings of every nodule that some member never saw the patient of, on three grids."""
    found: list[VolumeReading] = []
    for n, nodule in enumerate(nodules):
        honest = networks.honest_about(nodule.patient)
        if honest is None or nodule.readers < LEAST_READERS or not nodule.consensus.any():
            continue
        if n % 50 == 0:
            say(f"nodule {n} of {len(nodules)}")
        for name, volume in _grids(nodule):
            found.append(_reading((n, name), nodule, _measured(volume, nodule, honest, policy)))
    return found


def _grids(nodule: NoduleVolume) -> Iterator[tuple[str, Volume]]:
    grid = grid_from((nodule.hu.shape[0], nodule.hu.shape[1], nodule.hu.shape[2]), nodule.spacing_mm, PointLps(0, 0, 0))
    own = Volume(nodule.hu.copy(), grid, "1.2")
    k, j, i = nodule.spacing_mm
    yield OWN, own
    yield FINER, replace(resampled(own, (k / 2, j / 2, i / 2)), thick_mm=k)
    if min(own.hu.shape) >= 4:
        yield COARSER, halved(own)


def _measured(images: Volume, nodule: NoduleVolume, networks: NoduleNetworks, policy: Policy) -> tuple[Nodule, float]:
    """The nodule, and the volume of its voxels as drawn on the images."""
    middle = ndimage.center_of_mass(nodule.consensus)
    k, j, i = (float(v) * s for v, s in zip(middle, nodule.spacing_mm, strict=True))
    candidate = Candidate(PointLps(i, j, k), max(3.0, sphere_diameter_mm(nodule.consensus_mm3)), 1.0, "readers")
    measured = measured_grid(images, policy.sampling)
    lungs = lungs_around(measured.volume)
    readings = networks(measured.volume, lungs, (candidate,))
    (found,) = characterise(measured.volume, lungs, Marks((candidate,), readings), policy.nodules, "1.2")
    drawn = measured.drawn(found.mask, found.volume_mm3)
    return found, drawn.voxel_count * images.grid.voxel_volume_mm3


def lungs_around(volume: Volume) -> LungMask:
    """Lung in a crop [k, j, i], closed over nodules at the wall; all of it where nothing is dark."""
    spacing = volume.grid.spacing_kji_mm
    dark: BoolArray = volume.hu < LUNG_HU
    if not dark.any():
        return LungMask(np.ones(volume.hu.shape, dtype=np.uint8), volume.grid)
    near = ndimage.distance_transform_edt(~dark, sampling=spacing) <= WALL_MM
    inside = np.ones_like(near) if near.all() else ndimage.distance_transform_edt(near, sampling=spacing) > WALL_MM
    return LungMask((dark | inside).astype(np.uint8), volume.grid)


def _reading(names: tuple[int, str], nodule: NoduleVolume, found: tuple[Nodule, float]) -> VolumeReading:
    measured, drawn_mm3 = found
    assert measured.measures is not None
    return VolumeReading(
        patient=nodule.patient,
        nodule=names[0],
        grid=names[1],
        kind=KINDS[0 if nodule.ratings["texture"] <= 2 else 2 if nodule.ratings["texture"] >= 4 else 1],
        diameter_mm=sphere_diameter_mm(nodule.consensus_mm3),
        readers_mm3=nodule.consensus_mm3,
        volume_mm3=measured.volume_mm3,
        interval_mm3=measured.measures.volume_interval_mm3,
        mean_mm=measured.diameters.mean_mm,
        composition=measured.composition.value,
        drawn_ratio=drawn_mm3 / measured.volume_mm3,
        delineation=measured.delineation.value,
    )


def volume_document(readings: Sequence[VolumeReading]) -> dict[str, object]:
    """Ratios to the readers on the own grid, and the variation between grids, by size and by kind."""
    groups: dict[str, list[VolumeReading]] = {"all": list(readings)}
    for low, high in BANDS_MM:
        name = f"{low:g} mm and more" if math.isinf(high) else f"{low:g} to {high:g} mm"
        groups[name] = [r for r in readings if low <= r.diameter_mm < high]
    for kind in KINDS:
        groups[kind] = [r for r in readings if r.kind == kind]
    return {name: _figures(group) for name, group in groups.items() if group}


def _figures(readings: Sequence[VolumeReading]) -> dict[str, object]:
    document: dict[str, object] = {}
    for grid in (OWN, FINER, COARSER):
        ratios = np.array([r.ratio for r in readings if r.grid == grid])
        if len(ratios):
            document[grid] = {
                "nodules": len(ratios),
                "median_ratio": round(float(np.median(ratios)), 3),
                "within_25_percent": round(float(np.mean(np.abs(ratios - 1) <= 0.25)), 3),
            }
    by_nodule: dict[int, list[VolumeReading]] = {}
    for reading in readings:
        by_nodule.setdefault(reading.nodule, []).append(reading)
    for names in ((OWN, FINER), (OWN, FINER, COARSER)):
        groups = [[r for r in group if r.grid in names] for group in by_nodule.values()]
        whole = [group for group in groups if len(group) == len(names)]
        document[f"variation, {', '.join(names)}"] = _variation(whole)
    document["same_composition"] = _same(by_nodule, lambda r: r.composition)
    document["drawn_within_3_percent"] = round(
        _share([abs(r.drawn_ratio - 1) <= 0.03 for r in readings if r.diameter_mm >= 6]), 3
    )
    return document


def _variation(groups: Sequence[Sequence[VolumeReading]]) -> dict[str, object]:
    """Coefficients of variation between grids, and how often the intervals of all meet and hold the own volume."""
    if not groups:
        return {}
    variation = np.array(
        [np.std([r.volume_mm3 for r in g], ddof=1) / np.mean([r.volume_mm3 for r in g]) for g in groups]
    )
    held = [r.interval_mm3[0] <= group[0].volume_mm3 <= r.interval_mm3[1] for group in groups for r in group[1:]]
    meet = [max(r.interval_mm3[0] for r in g) <= min(r.interval_mm3[1] for r in g) for g in groups]
    return {
        "median": round(float(np.median(variation)), 3),
        "root_mean_square": round(float(np.sqrt(np.mean(variation**2))), 3),
        "intervals_meet": round(float(np.mean(meet)), 3),
        "own_volume_in_their_intervals": round(float(np.mean(held)), 3),
    }


def _same(by_nodule: Mapping[int, Sequence[VolumeReading]], of: Callable[[VolumeReading], str]) -> float:
    return round(
        float(np.mean([len({of(r) for r in group if r.grid != COARSER}) == 1 for group in by_nodule.values()])), 3
    )


def _share(hits: Sequence[bool]) -> float:
    return float(np.mean(hits)) if hits else math.nan
