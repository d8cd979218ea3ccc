"""What tells one calcified lesion's site from another's: where it lies in the heart, what is about it, how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage

from cad.domain import Artery, Float32Array, FloatArray, Heart, NoduleMask, Volume
from cad.geometry import positions_of
from models.calcium.atlas import Atlas, outline_depth
from models.calcium.frames import Frame, HeartMap
from models.calcium.heart import FittedHeart

SHELL_MM = (1.5, 5.0)
"""What is about a lesion: the voxels so far from it."""

LUNG_HU, FAT_HU, BONE_HU = -300.0, -20.0, 130.0
ALONG_MM = 100.0
NAMES = (
    *("x", "y", "z", "depth"),
    *(f"to {artery}" for artery in Artery),
    *(f"along {artery}" for artery in Artery),
    *("to aorta wall", "to aorta axis", "aorta height"),
    *("aortic valve across", "aortic valve aside", "mitral valve across", "mitral valve aside"),
    *("lung about", "fat about", "muscle about", "bone about"),
    *("log volume", "log voxels", "peak", "mean", "above noise", "extent", "slices", "flatness", "noise"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What is the same for all lesions of a scan.

    `lines` are courses and branches of each artery in the frame; `axis` [n, 4] is the aorta's in the patient.
    """

    volume: Volume
    map: HeartMap
    axis: FloatArray
    atlas: Atlas
    lines: dict[Artery, FloatArray]
    depth: torch.Tensor
    blood_hu: float
    noise_hu: float


def setting_of(volume: Volume, heart: Heart, atlas: Atlas) -> Setting:
    """The setting of a scan; a heart without its map gets an affine one by its courses."""
    found = heart.map if isinstance(heart, FittedHeart) else affine_map(heart, atlas)
    axis = heart.axis if isinstance(heart, FittedHeart) else _carried_axis(atlas, found)
    blood, noise = blood_and_noise(volume, heart)
    return Setting(
        volume, found, axis, atlas, lines_of(atlas), torch.from_numpy(outline_depth(atlas.drawings, found.frame)),
        blood, noise,
    )  # fmt: skip


def lines_of(atlas: Atlas) -> dict[Artery, FloatArray]:
    """The points of each artery's course and branches in the frame."""
    courses = dict(atlas.courses)
    branches = {a: [points for b, points in atlas.drawings.branches if b is a] for a in Artery}
    return {a: np.concatenate([courses[a], *branches[a]]) for a in Artery}


def blood_and_noise(volume: Volume, heart: Heart) -> tuple[float, float]:
    """Median HU of the blood, and the spread of neighbouring voxels there: the images' noise."""
    index = np.argwhere(heart.blood.voxels)
    if not len(index):
        return 40.0, 20.0
    at = (
        np.linalg.inv(volume.grid.affine)
        @ np.c_[positions_of(heart.blood.grid, index.astype(np.float64)), np.ones(len(index))].T
    )
    k, j, i = np.clip(np.rint(at[:3]).astype(int), 0, np.array(volume.grid.shape)[:, None] - 1)
    here = volume.hu[k, j, i].astype(np.float64)
    there = volume.hu[k, j, np.clip(i + 2, 0, volume.grid.shape[2] - 1)]
    spread = float(np.median(np.abs(here - there))) / (0.6745 * np.sqrt(2))
    return float(np.median(here)), max(spread, 3.0)


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


def _carried_axis(atlas: Atlas, found: HeartMap) -> FloatArray:
    axis = atlas.drawings.aorta
    size = float(torch.linalg.det(found.matrix).abs()) ** (1 / 3)
    places = found.to_patient(torch.tensor(axis[:, :3], dtype=torch.float32)).double().numpy()
    return np.concatenate([places, axis[:, 3:] * size], axis=1)


def features_of(setting: Setting, lesions: tuple[NoduleMask, ...]) -> Float32Array:
    """The features [n, len(NAMES)] of the lesions."""
    rows = [_row(setting, lesion) for lesion in lesions]
    return np.array(rows, dtype=np.float32).reshape(len(lesions), len(NAMES))


def _row(setting: Setting, lesion: NoduleMask) -> list[float]:
    index = np.argwhere(lesion.voxels) + np.array(lesion.offset)
    hu = setting.volume.hu[tuple(index.T)].astype(np.float64)
    positions = positions_of(setting.volume.grid, index.astype(np.float64))
    places = in_frame(setting.map, positions)
    weight = np.maximum(hu - 100.0, 1.0)
    middle = np.average(places, axis=0, weights=weight)
    centre = np.average(positions, axis=0, weights=weight)
    return [
        *(middle / 50.0),
        _depth_at(setting, middle) / 10.0,
        *_artery_features(setting.lines, dict(setting.atlas.courses), middle),
        *_aorta_features(setting.axis, centre),
        *_valve_features(setting.atlas, middle),
        *_about(setting.volume, lesion),
        *_looks(setting, positions, hu),
    ]


def in_frame(found: HeartMap, positions: FloatArray) -> FloatArray:
    """LPS positions [n, 3] in the frame."""
    places: FloatArray = found.to_frame(torch.tensor(positions, dtype=torch.float32)).double().numpy()
    return places


def _depth_at(setting: Setting, middle: FloatArray) -> float:
    frame: Frame = setting.map.frame
    return float(frame.sample(setting.depth[None], torch.tensor(middle[None], dtype=torch.float32))[0, 0])


def _artery_features(
    lines: dict[Artery, FloatArray], courses: dict[Artery, FloatArray], middle: FloatArray
) -> list[float]:
    to = [float(np.linalg.norm(lines[a] - middle, axis=1).min()) / 10.0 for a in Artery]
    along = [float(np.linalg.norm(courses[a] - middle, axis=1).argmin()) / ALONG_MM for a in Artery]
    return [*(min(distance, 6.0) for distance in to), *along]


def _aorta_features(axis: FloatArray, centre: FloatArray) -> list[float]:
    distance = np.linalg.norm(axis[:, :3] - centre, axis=1)
    nearest = int(np.argmin(distance - axis[:, 3]))
    wall = float(distance[nearest] - axis[nearest, 3]) / 10.0
    return [min(wall, 6.0), min(float(distance[nearest]) / 10.0, 8.0), nearest / len(axis)]


def _valve_features(atlas: Atlas, middle: FloatArray) -> list[float]:
    found = []
    for valve in atlas.drawings.valves:
        offset = middle - valve.centre
        across = float(offset @ valve.normal)
        aside = float(np.linalg.norm(offset - across * valve.normal))
        found += [float(np.clip(across / valve.half_mm, -8, 8)), min(aside / valve.radius_mm, 6.0)]
    return found


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
    if not len(hu):
        return [0.0, 0.0, 0.0, 0.0]
    bounds = (-32769.0, LUNG_HU, FAT_HU, BONE_HU, 32768.0)
    return [float(np.mean((hu > a) & (hu <= b))) for a, b in pairwise(bounds)]


def _looks(setting: Setting, positions: FloatArray, hu: FloatArray) -> list[float]:
    volume_mm3 = len(hu) * setting.volume.grid.voxel_volume_mm3
    extent = positions.max(axis=0) - positions.min(axis=0)
    slices = extent[2] / setting.volume.grid.spacing_kji_mm[0] + 1
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(positions.T) + np.eye(3) * 0.3), 0)) if len(hu) > 1 else [1.0]
    above = (float(hu.max()) - setting.blood_hu) / setting.noise_hu
    return [
        np.log(volume_mm3) / 3.0,
        np.log(len(hu)) / 3.0,
        float(hu.max()) / 400.0,
        float(hu.mean()) / 200.0,
        min(above, 40.0) / 10.0,
        min(float(extent.max()), 80.0) / 20.0,
        float(np.log(slices)),
        float(spread[0] / spread[-1]),
        setting.noise_hu / 20.0,
    ]
