"""What tells one calcified lesion's site from another's: where it lies in the heart, what is about it, how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage

from cad.domain import Artery, Float32Array, FloatArray, Heart, NoduleMask, Volume
from cad.geometry import indices_of, positions_of
from models.calcium.atlas import Atlas, outline_depth
from models.calcium.frames import HeartMap
from models.calcium.heart import FittedHeart

SHELL_MM = (1.5, 5.0)
"""What is about a lesion: the voxels so far from it."""

LUNG_HU, FAT_HU, BONE_HU = -300.0, -20.0, 130.0
USUAL_BLOOD_HU, USUAL_NOISE_HU, LEAST_NOISE_HU = 40.0, 20.0, 3.0

PLACE_NAMES = (
    *("x", "y", "z", "depth"),
    *(f"to {artery}" for artery in Artery),
    *(f"along {artery}" for artery in Artery),
    *("to aorta wall", "to aorta axis", "aorta height"),
    *("aortic valve across", "aortic valve aside", "mitral valve across", "mitral valve aside"),
)
LOOK_NAMES = (
    *("lung about", "fat about", "muscle about", "bone about"),
    *("log volume", "log voxels", "peak", "mean", "above noise", "extent", "slices", "flatness", "noise"),
)
NAMES = (*PLACE_NAMES, *LOOK_NAMES)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The heart's coordinates in a scan: its map, and the axis [n, 4] of its aorta (x, y, z, radius; LPS mm)."""

    map: HeartMap
    axis: FloatArray


@dataclass(frozen=True, slots=True)
class Blood:
    """Median HU of the blood, and the spread of neighbouring voxels there: the noise of the images."""

    hu: float
    noise_hu: float


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a lesion is by itself: its centre (LPS mm, weighted by attenuation) and the features of `LOOK_NAMES`."""

    centre: FloatArray
    features: tuple[float, ...]


def place_of(heart: Heart, atlas: Atlas) -> Place:
    """The coordinates of a heart; one that came without its map gets an affine one by its courses."""
    if isinstance(heart, FittedHeart):
        return Place(heart.map, heart.axis)
    found = affine_map(heart, atlas)
    drawn = atlas.drawings.aorta
    size = float(torch.linalg.det(found.matrix).abs()) ** (1 / 3)
    places = found.to_patient(torch.tensor(drawn[:, :3], dtype=torch.float32)).double().numpy()
    return Place(found, np.concatenate([places, drawn[:, 3:] * size], axis=1))


def affine_map(heart: Heart, atlas: Atlas) -> HeartMap:
    """The affine map that carries the atlas's courses best to those of a heart."""
    there = {artery: points for artery, points in heart.courses if len(points) > 1}
    pairs = [(_resampled(points, 40), _resampled(there[a], 40)) for a, points in atlas.courses if a in there]
    source, target = (np.concatenate(side) for side in zip(*pairs, strict=True))
    solved, *_ = np.linalg.lstsq(np.c_[source, np.ones(len(source))], target, rcond=None)
    frame = atlas.chest.frame
    matrix, offset = (torch.tensor(part, dtype=torch.float32) for part in (solved[:3].T, solved[3]))
    return HeartMap(frame, matrix, offset, torch.zeros(3, *frame.shape))


def _resampled(points: FloatArray, count: int) -> FloatArray:
    at = np.linspace(0, len(points) - 1, count)
    return np.stack([np.interp(at, np.arange(len(points)), points[:, c]) for c in range(3)], axis=1)


def blood_of(volume: Volume, heart: Heart) -> Blood:
    """The blood of a scan; usual values when none is in view."""
    index = np.argwhere(heart.blood.voxels).astype(np.float64)
    if not len(index):
        return Blood(USUAL_BLOOD_HU, USUAL_NOISE_HU)
    there = indices_of(volume.grid, positions_of(heart.blood.grid, index))
    k, j, i = np.clip(np.rint(there).astype(int), 0, np.array(volume.grid.shape) - 1).T
    here = volume.hu[k, j, i].astype(np.float64)
    beside = volume.hu[k, j, np.minimum(i + 2, volume.grid.shape[2] - 1)]
    spread = float(np.median(np.abs(here - beside))) / (0.6745 * np.sqrt(2))
    return Blood(float(np.median(here)), max(spread, LEAST_NOISE_HU))


def looks_of(volume: Volume, blood: Blood, lesions: Sequence[NoduleMask]) -> list[Look]:
    """The look of each lesion; masks are on the volume's grid."""
    return [_look(volume, blood, lesion) for lesion in lesions]


def features_of(place: Place, atlas: Atlas, looks: Sequence[Look]) -> Float32Array:
    """The features [n, len(NAMES)] of lesions in a heart."""
    if not looks:
        return np.zeros((0, len(NAMES)), dtype=np.float32)
    centres = np.array([look.centre for look in looks])
    own = np.array([look.features for look in looks])
    places: FloatArray = place.map.to_frame(torch.tensor(centres, dtype=torch.float32)).double().numpy()
    found = [
        places / 50.0,
        _depth(place.map, atlas, places) / 10.0,
        _to_arteries(atlas, places),
        _along_arteries(atlas, places),
        _by_aorta(place.axis, centres),
        _by_valves(atlas, places),
        own,
    ]
    return np.concatenate(found, axis=1).astype(np.float32)


def _depth(found: HeartMap, atlas: Atlas, places: FloatArray) -> FloatArray:
    field = torch.from_numpy(outline_depth(atlas.drawings, found.frame))[None]
    depth = found.frame.sample(field, torch.tensor(places, dtype=torch.float32))[0].double().numpy()
    return np.asarray(np.clip(depth, -60, 60))[:, None]


def _distances(line: FloatArray, places: FloatArray) -> FloatArray:
    distances: FloatArray = np.linalg.norm(line[None, :, :3] - places[:, None], axis=2)
    return distances


def _to_arteries(atlas: Atlas, places: FloatArray) -> FloatArray:
    found = []
    for artery, course in atlas.courses:
        lines = [course, *(points for other, points in atlas.drawings.branches if other is artery)]
        found.append(_distances(np.concatenate(lines), places).min(axis=1))
    return np.minimum(np.stack(found, axis=1) / 10.0, 6.0)


def _along_arteries(atlas: Atlas, places: FloatArray) -> FloatArray:
    return np.stack([_distances(course, places).argmin(axis=1) / 100.0 for _, course in atlas.courses], axis=1)


def _by_aorta(axis: FloatArray, centres: FloatArray) -> FloatArray:
    distance = _distances(axis, centres)
    nearest = np.argmin(distance - axis[None, :, 3], axis=1)
    off = distance[np.arange(len(centres)), nearest]
    wall = off - axis[nearest, 3]
    return np.stack([np.minimum(wall / 10, 6), np.minimum(off / 10, 8), nearest / len(axis)], axis=1)


def _by_valves(atlas: Atlas, places: FloatArray) -> FloatArray:
    found = []
    for valve in atlas.drawings.valves:
        offset = places - valve.centre
        across = offset @ valve.normal
        aside = np.linalg.norm(offset - across[:, None] * valve.normal, axis=1)
        found += [np.clip(across / valve.half_mm, -8, 8), np.minimum(aside / valve.radius_mm, 6)]
    return np.stack(found, axis=1)


def _look(volume: Volume, blood: Blood, lesion: NoduleMask) -> Look:
    index = np.argwhere(lesion.voxels) + np.array(lesion.offset)
    hu = volume.hu[tuple(index.T)].astype(np.float64)
    positions = positions_of(volume.grid, index.astype(np.float64))
    centre: FloatArray = np.average(positions, axis=0, weights=np.maximum(hu - 100.0, 1.0))
    return Look(centre, (*_about(volume, lesion), *_itself(volume, blood, positions, hu)))


def _about(volume: Volume, lesion: NoduleMask) -> list[float]:
    """The parts of a lesion's surroundings that are lung, fat, muscle and bone."""
    spacing = volume.grid.spacing_kji_mm
    pads = [int(np.ceil(SHELL_MM[1] / s)) + 1 for s in spacing]
    low = [max(0, o - p) for o, p in zip(lesion.offset, pads, strict=True)]
    ends = zip(lesion.offset, lesion.voxels.shape, pads, volume.grid.shape, strict=True)
    high = [min(n, o + s + p) for o, s, p, n in ends]
    part = volume.hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    inside = np.zeros(part.shape, dtype=np.bool_)
    at = tuple(slice(o - a, o - a + s) for o, a, s in zip(lesion.offset, low, lesion.voxels.shape, strict=True))
    inside[at] = lesion.voxels
    away = ndimage.distance_transform_edt(~inside, sampling=spacing)
    hu = part[(away > SHELL_MM[0]) & (away <= SHELL_MM[1])]
    bounds = (-np.inf, LUNG_HU, FAT_HU, BONE_HU, np.inf)
    return [float(np.mean((hu > a) & (hu <= b))) if len(hu) else 0.0 for a, b in pairwise(bounds)]


def _itself(volume: Volume, blood: Blood, positions: FloatArray, hu: FloatArray) -> list[float]:
    extent = positions.max(axis=0) - positions.min(axis=0)
    slices = extent[2] / volume.grid.spacing_kji_mm[0] + 1
    cloud = np.cov(positions.T) if len(hu) > 1 else np.zeros((3, 3))
    spread = np.sqrt(np.linalg.eigvalsh(cloud + np.eye(3) * 0.3))
    above = (float(hu.max()) - blood.hu) / blood.noise_hu
    return [
        float(np.log(len(hu) * volume.grid.voxel_volume_mm3)) / 3.0,
        float(np.log(len(hu))) / 3.0,
        float(hu.max()) / 400.0,
        float(hu.mean()) / 200.0,
        min(above, 40.0) / 10.0,
        min(float(extent.max()), 80.0) / 20.0,
        float(np.log(slices)),
        float(spread[0] / spread[-1]),
        blood.noise_hu / 20.0,
    ]
