"""The mean chest about the heart: scans brought to one frame, averaged, and brought to their average again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from cad.domain import FloatArray, LungMask
from cad.geometry import positions_of
from models.calcium.fit import Affine, MeanChest, affine_fit, fit_from
from models.calcium.frames import Frame, HeartMap, Seen, as_tensor, coarser

FRAME = Frame((56, 50, 56), 4.0, (-110.0, -100.0, -100.0))
MEAN_LUNGS_MM = (255.0, 175.0, 220.0)
"""Extent of the lungs (x, y, z) that becomes size 1."""

HEART_IN_LUNGS = (0.5, 0.47, 0.4)
"""Where the frame's origin lies in the box of the lungs (x, y, z), to begin with."""

AFFINE_ROUNDS, ROUNDS = 3, 3
LEAST_SCANS = 3
REACH_MM = (115.0, 100.0, 112.0)
"""Places count less and less from here on (half axes x, y, z about the frame's middle), to nothing at the border."""


@dataclass(frozen=True, slots=True, eq=False)
class ChestScan:
    """A scan at the frame's spacing with its lungs."""

    image: Seen
    lungs: LungMask


def align(scans: Mapping[str, ChestScan]) -> dict[str, HeartMap]:
    """The map from the common frame into each scan."""
    starts = {name: _start(scan.lungs) for name, scan in scans.items()}
    none = torch.zeros(3, *FRAME.shape)
    maps = {name: HeartMap(FRAME, *start, none) for name, start in starts.items()}
    for _ in range(AFFINE_ROUNDS):
        chest = average(scans, maps)
        fits = {name: affine_fit(chest, coarser(scan.image, 2), _affine(maps[name])) for name, scan in scans.items()}
        mean = torch.linalg.inv(torch.stack([matrix for matrix, _ in fits.values()]).mean(dim=0))
        maps = {name: HeartMap(FRAME, matrix @ mean, offset, none) for name, (matrix, offset) in fits.items()}
    for _ in range(ROUNDS):
        chest = average(scans, maps)
        found = {name: fit_from(chest, scan.image, _affine(maps[name])).map for name, scan in scans.items()}
        maps = _centred(found)
    return maps


def average(scans: Mapping[str, ChestScan], maps: Mapping[str, HeartMap]) -> MeanChest:
    """The mean of the scans under their maps; places that fewer than `LEAST_SCANS` show do not count."""
    total, count = torch.zeros(2, *FRAME.shape), torch.zeros(FRAME.shape)
    for name, scan in scans.items():
        views, known = scan.image.at(maps[name].to_patient(FRAME.places()))
        total += (views * known).reshape(total.shape)
        count += known.reshape(FRAME.shape)
    weight = _weight() * (count >= min(LEAST_SCANS, len(scans))).float()
    return MeanChest(FRAME, total / count.clamp_min(1.0), weight)


def _affine(found: HeartMap) -> Affine:
    return found.matrix, found.offset


def _centred(maps: Mapping[str, HeartMap]) -> dict[str, HeartMap]:
    """The maps from a frame to which all have the same distance: the mean shift is taken out of each."""
    shifts = [(torch.linalg.inv(m.matrix) @ m.shift.flatten(1)).reshape(m.shift.shape) for m in maps.values()]
    mean = torch.stack(shifts).mean(dim=0)
    places = FRAME.places()
    moved = places - mean.flatten(1).T
    centred = {}
    for name, found in maps.items():
        shift = found.to_patient(moved) - (places @ found.matrix.T + found.offset)
        centred[name] = HeartMap(FRAME, found.matrix, found.offset, shift.T.reshape(3, *FRAME.shape))
    return centred


def _start(lungs: LungMask) -> Affine:
    """The frame by the box of the lungs."""
    inside = (np.argwhere(lungs.labels[::2, ::2, ::2] > 0) * 2).astype(np.float64)
    positions = positions_of(lungs.grid, inside)
    low, high = np.quantile(positions, [0.01, 0.99], axis=0)
    size: FloatArray = np.clip((high - low) / np.array(MEAN_LUNGS_MM), 0.8, 1.25)
    origin: FloatArray = low + (high - low) * np.array(HEART_IN_LUNGS)
    return torch.diag(as_tensor(size)), as_tensor(origin)


def _weight() -> torch.Tensor:
    middle = torch.tensor([10.0, 0.0, 0.0])
    distance: torch.Tensor = ((FRAME.places() - middle) / torch.tensor(REACH_MM)).norm(dim=1).reshape(FRAME.shape)
    weight: torch.Tensor = ((1.05 - distance) / 0.3).clamp(0, 1)
    return weight
