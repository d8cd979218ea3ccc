"""The aorta in the patient: its drawn axis, moved to where round discs of tissue lie."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from cad.domain import FloatArray
from models.calcium.frames import HeartMap, Seen

SPACING_MM = 2.0
RIM_MM = 2.5
"""Tissue is looked at so far within the wall, and its end so far beyond."""

ANGLES = 16
STEP_MM = 3.0
EVERY = 4
"""Every so many points of the axis are fitted; those between follow."""

RADII = (0.85, 0.95, 1.05, 1.15, 1.3, 1.45)
FADE = 15
"""Over so many points (mm) beyond those that were fitted, the axis goes back to where it is expected."""

SHIFT_COST_PER_MM = 0.012
RADIUS_COST = 0.15
LEAST_GAIN = 0.05
"""A disc is moved where that gains at least so much of the step from tissue to fat."""


ROOT_TOP_MM, ARCH_FOOT_MM = 26.0, 64.0
"""Between these heights of the frame the ascending aorta is looked for; the descending one below the second."""


def fit_axis(axis: FloatArray, found: HeartMap, image: Seen) -> FloatArray:
    """The axis [n, 4] (x, y, z, radius) in the patient, LPS mm, for the drawn one [n, 4] of the frame."""
    size = float(torch.linalg.det(found.matrix).abs()) ** (1 / 3)
    places = found.to_patient(torch.tensor(axis[:, :3], dtype=torch.float32)).double().numpy()
    moved = np.concatenate([places, axis[:, 3:] * size], axis=1)
    top = int(np.argmax(axis[:, 2]))
    ascending = np.flatnonzero((np.arange(len(axis)) < top) & (axis[:, 2] > ROOT_TOP_MM) & (axis[:, 2] < ARCH_FOOT_MM))
    descending = np.flatnonzero((np.arange(len(axis)) > top) & (axis[:, 2] < ARCH_FOOT_MM))
    for chosen, reach_mm in ((ascending, 6.0), (descending, 12.0)):
        moved = _moved(moved, chosen[::EVERY], image, reach_mm)
    return moved


def _moved(axis: FloatArray, chosen: np.ndarray, image: Seen, reach_mm: float) -> FloatArray:
    """The axis with the discs `chosen` moved to where they fit, and the others with them as far as they are near."""
    if len(chosen) < 5:
        return axis
    fits = np.array([_disc_fit(axis[n], image, reach_mm) for n in chosen])
    smooth = ndimage.gaussian_filter1d(ndimage.median_filter(fits, size=(7, 1), mode="nearest"), 1.5, axis=0)
    within = np.arange(max(0, chosen[0] - FADE), min(len(axis), chosen[-1] + FADE + 1))
    beyond = np.maximum(chosen[0] - within, within - chosen[-1])
    share = np.clip(1 - beyond / FADE, 0, 1)
    change = np.stack([np.interp(within, chosen, smooth[:, c]) for c in range(3)], axis=1)
    found = axis.copy()
    found[within, :2] += share[:, None] * change[:, :2]
    found[within, 3] *= 1 + share * (change[:, 2] - 1)
    return found


def _disc_fit(disc: FloatArray, image: Seen, reach_mm: float) -> tuple[float, float, float]:
    """The shift (x, y) in mm and the factor of the radius at which an axial disc of tissue fits best."""
    steps = torch.arange(-reach_mm, reach_mm + 0.1, STEP_MM)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    shifts = torch.stack([x.flatten(), y.flatten()], dim=1)
    radii = disc[3] * torch.tensor(RADII)
    turns = torch.arange(ANGLES) * (2 * np.pi / ANGLES)
    rays = torch.stack([turns.cos(), turns.sin()], dim=1)
    at = torch.stack([radii * 0.5, radii - RIM_MM, radii + RIM_MM])
    flat = shifts[:, None, None, None] + at[None, :, :, None, None] * rays
    places = torch.cat([flat + torch.tensor(disc[:2]), torch.full_like(flat[..., :1], float(disc[2]))], dim=-1)
    views, known = image.at(places.reshape(-1, 3).float())
    tissue = views[1].reshape(flat.shape[:-1])
    if float(known.mean()) < 0.9:
        return 0.0, 0.0, 1.0
    inside, edge, outside = tissue.unbind(1)
    contrast = torch.minimum(inside, edge).mean(-1) - outside.mean(-1)
    cost = SHIFT_COST_PER_MM * shifts.norm(dim=1)[:, None] + RADIUS_COST * (torch.tensor(RADII) - 1).abs()
    score = contrast - cost
    best = int(score.flatten().argmax())
    here = score[len(shifts) // 2].max()
    if float(score.flatten()[best] - here) < LEAST_GAIN:
        return 0.0, 0.0, float(RADII[int(score[len(shifts) // 2].argmax())])
    shift = shifts[best // len(RADII)]
    return float(shift[0]), float(shift[1]), float(RADII[best % len(RADII)])
