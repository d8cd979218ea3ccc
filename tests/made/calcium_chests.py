"""A made-up chest of known place and size: lungs of air, a heart and an aorta of tissue, fat between them."""

from __future__ import annotations

import numpy as np
import torch

from cad.domain import Artery, FloatArray, ModelIdentity, PointLps, Volume
from cad.geometry import grid_from
from models.calcium.atlas import Atlas, densify, read_drawings
from models.calcium.fit import MeanChest
from models.calcium.frames import Frame, views_of

FRAME = Frame((42, 40, 42), 5.0, (-100.0, -100.0, -100.0))
AORTA_MM, AORTA_RADIUS_MM = (16.0, 36.0), 12.0
COURSES: dict[Artery, list[list[float]]] = {
    Artery.LM: [[14, -21, 15], [29, -22, 14]],
    Artery.LAD: [[29, -22, 14], [49, -46, 5], [46, -65, -13], [52, -75, -42]],
    Artery.LCX: [[29, -22, 14], [33, -5, 6], [42, 4, -8], [39, 8, -32]],
    Artery.RCA: [[2, -47, 1], [-12, -62, -18], [-22, -63, -42], [-8, -32, -61]],
}


def chest_hu(places: FloatArray) -> FloatArray:
    """HU at places [n, 3] (x, y, z; mm) of the chest, whose heart is at the origin."""
    x, y, z = places.T
    hu = np.full(len(places), -1000.0)
    hu[(x / 170) ** 2 + (y / 115) ** 2 < 1] = -90
    hu[(x / 145) ** 2 + ((y + 3) / 92) ** 2 < 1 - 0.25 * (z / 130) ** 2] = -850
    hu[z < -62 - 0.1 * x] = 50
    hu[((x - 20) / 60) ** 2 + ((y + 32) / 52) ** 2 + ((z + 20) / 52) ** 2 < 1] = 40
    hu[((x - 5) / 34) ** 2 + ((y + 24) / 36) ** 2 < (np.abs(z - 40) < 60)] = 40
    hu[(x / 22) ** 2 + ((y - 66) / 30) ** 2 < 1] = 300
    hu[(x - AORTA_MM[0]) ** 2 + (y - AORTA_MM[1]) ** 2 < AORTA_RADIUS_MM**2] = 40
    return hu


def an_atlas() -> Atlas:
    """The made-up chest as a mean chest with the shipped drawings and plain courses."""
    hu = torch.tensor(chest_hu(FRAME.places().double().numpy()), dtype=torch.float32)
    views = views_of(hu).reshape(2, *FRAME.shape)
    chest = MeanChest(FRAME, views, torch.ones(FRAME.shape))
    courses = tuple((artery, densify(np.array(points, dtype=np.float64))) for artery, points in COURSES.items())
    return Atlas(ModelIdentity("made-up", "1", "ab" * 32), chest, read_drawings(), courses, 0.8)


def a_patient(
    shift: FloatArray,
    size: FloatArray,
    low: tuple[float, float, float] = (-180.0, -125.0, -130.0),
    high: tuple[float, float, float] = (180.0, 125.0, 130.0),
) -> Volume:
    """The chest enlarged by `size` [3] and moved by `shift` [3]; `low` and `high` bound the view in the chest."""
    spacing = np.array([4.0, 3.0, 3.0])
    first, last = (np.array(corner) * size + shift for corner in (low, high))
    shape = tuple(int(n) for n in np.ceil((last - first)[::-1] / spacing))
    grid = grid_from((shape[0], shape[1], shape[2]), (4.0, 3.0, 3.0), PointLps(*(float(v) for v in first)))
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    index = np.stack([k, j, i], axis=-1).reshape(-1, 3)
    places = (index @ grid.affine[:3, :3].T + grid.affine[:3, 3] - shift) / size
    rng = np.random.default_rng(0)
    hu = chest_hu(places) + rng.normal(0, 10, len(places))
    return Volume(hu.clip(-1024, 3071).astype(np.int16).reshape(shape), grid, "1.2.3")
