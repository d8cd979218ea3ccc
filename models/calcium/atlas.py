"""The drawn heart: outline, aorta, valves and arteries in the frame of the mean chest, and that mean chest itself."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from scipy import ndimage
from skimage.draw import polygon

from cad.domain import Artery, BoolArray, Float32Array, FloatArray, ModelIdentity, OtherCalcium
from models.calcium.fit import MeanChest
from models.calcium.frames import Frame
from models.running.cards import CARDS, WEIGHTS, WeightsMismatchError, sha256_of

DRAWINGS = Path(__file__).parent / "drawings.toml"
HEART_NAME = "heart"
COURSE = "course."
"""Prefix of the courses' tensors in the weight file."""

COURSE_STEP_MM = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Valve:
    """A disc about `centre` [3] across `normal` [3] (unit length), in mm of the frame."""

    site: OtherCalcium
    centre: FloatArray
    normal: FloatArray
    radius_mm: float
    half_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Drawings:
    """The heart in the frame of the mean chest, in mm.

    `outline` are (z, polygon [n, 2] of x, y) from the feet up; `aorta` [n, 4] and `blood` [n, 4] are x, y, z and
    radius; branches [n, 3] have points every `COURSE_STEP_MM`, from the origin on.
    """

    outline: tuple[tuple[float, FloatArray], ...]
    aorta: FloatArray
    blood: FloatArray
    valves: tuple[Valve, ...]
    branches: tuple[tuple[Artery, FloatArray], ...]


def read_drawings() -> Drawings:
    """The drawings beside this module."""
    drawn = tomllib.loads(DRAWINGS.read_text(encoding="utf-8"))
    return Drawings(
        tuple((float(level["z"]), np.array(level["points"], dtype=np.float64)) for level in drawn["outline"]),
        densify(np.array(drawn["aorta"], dtype=np.float64)),
        np.array(drawn["blood"], dtype=np.float64),
        tuple(_valve(name, disc) for name, disc in drawn["valves"].items()),
        tuple((Artery(b["artery"]), densify(np.array(b["points"]))) for b in drawn["branch"]),
    )


def _valve(name: str, disc: Mapping[str, Any]) -> Valve:
    normal = np.array(disc["normal"], dtype=np.float64)
    centre = np.array(disc["centre"], dtype=np.float64)
    return Valve(OtherCalcium(name), centre, normal / np.linalg.norm(normal), disc["radius"], disc["half"])


def densify(points: Sequence[Sequence[float]] | FloatArray, step_mm: float = COURSE_STEP_MM) -> FloatArray:
    """The broken line through points [n, 3 or more], smoothed at its corners, with a point every `step_mm`."""
    line = np.asarray(points, dtype=np.float64)
    for _ in range(3):
        inner = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], axis=1)
        line = np.concatenate([line[:1], inner.reshape(-1, line.shape[1]), line[-1:]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line[:, :3], axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], max(2, round(along[-1] / step_mm) + 1))
    return np.stack([np.interp(at, along, line[:, c]) for c in range(line.shape[1])], axis=1)


@functools.lru_cache(maxsize=16)
def outline_depth(drawings: Drawings, frame: Frame) -> Float32Array:
    """Signed distance [k, j, i] in mm to the drawn outline of the heart, positive inside, on the frame's voxels."""
    levels = np.array([z for z, _ in drawings.outline])
    planes = np.stack([_plane_depth(points, frame) for _, points in drawings.outline])
    z = frame.first[2] + np.arange(frame.shape[0]) * frame.spacing_mm
    at = np.clip(np.interp(z, levels, np.arange(len(levels))), 0, len(levels) - 1)
    low = np.minimum(at.astype(int), len(levels) - 2)
    part = (at - low)[:, None, None]
    depth = (1 - part) * planes[low] + part * planes[low + 1]
    beyond = np.maximum(levels[0] - z, z - levels[-1])[:, None, None]
    return np.asarray(np.where(beyond > 0, np.minimum(depth, 4.0) - beyond, depth), dtype=np.float32)


def _plane_depth(points: FloatArray, frame: Frame) -> Float32Array:
    fine = 4
    shape = (frame.shape[1] * fine, frame.shape[2] * fine)
    step = frame.spacing_mm / fine
    edge = frame.first[1] - frame.spacing_mm / 2, frame.first[0] - frame.spacing_mm / 2
    inside: BoolArray = np.zeros(shape, dtype=np.bool_)
    rows, columns = polygon((points[:, 1] - edge[0]) / step - 0.5, (points[:, 0] - edge[1]) / step - 0.5, shape)
    inside[rows, columns] = True
    depth = (ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)) * step
    return np.asarray(depth.reshape(frame.shape[1], fine, frame.shape[2], fine).mean(axis=(1, 3)), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """The mean chest with drawings and courses, and the identity of its file."""

    identity: ModelIdentity
    chest: MeanChest
    drawings: Drawings
    courses: tuple[tuple[Artery, FloatArray], ...]
    """Mean courses [n, 3] in the frame, from the origin on."""
    least_likeness: float
    """A scan that is less like the mean chest than this shows no heart."""


def load_atlas() -> Atlas:
    """The shipped mean chest. Raises WeightsMismatchError when the file is not the card's."""
    card = tomllib.loads((CARDS / f"{HEART_NAME}.toml").read_text(encoding="utf-8"))
    file = WEIGHTS / f"{HEART_NAME}.safetensors"
    if sha256_of(file) != card["sha256"]:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    identity = ModelIdentity(HEART_NAME, card["version"], card["sha256"])
    tensors = load_file(file)
    courses = tuple((artery, tensors[f"{COURSE}{artery}"].double().numpy()) for artery in Artery)
    chest = chest_from(tensors, card["frame"])
    return Atlas(identity, chest, read_drawings(), courses, card["frame"]["least_likeness"])


def chest_from(tensors: Mapping[str, torch.Tensor], frame: Mapping[str, Any]) -> MeanChest:
    """The mean chest of stored tensors and the `frame` table of its card.

    `views` are [2, k, j, i] and `weight` is [k, j, i], both in 255 steps.
    """
    views = tensors["views"].float() / 255
    x, y, z = frame["first_mm"]
    box = Frame((views.shape[1], views.shape[2], views.shape[3]), frame["spacing_mm"], (x, y, z))
    return MeanChest(box, views, tensors["weight"].float() / 255)
