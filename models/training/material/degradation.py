"""What hospitals vary, as augmentation of a box of CT: slices, kernel, dose, breathing, contrast, emphysema.

Boxes are float32 HU [k, j, i] at about 1 mm. Each function returns a new array or the one it was given.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cad.domain import Float32Array
from models.training.material.blend import enlarge

HOLE_HU = -985.0
AERATED_HU = -650.0


def degrade(box: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The box [k, j, i], HU at 1 mm, as another scanner, dose, contrast phase or patient might have given it."""
    if rng.random() < 0.12:
        box = with_holes(box, rng)
    if rng.random() < 0.35:
        box = with_contrast(box, rng)
    if rng.random() < 0.06:
        box = blur_by_breath(box, rng)
    draw = rng.random()
    if draw < 0.32:
        box = thick_slices(box, int(rng.choice([2, 3, 3, 4, 5])), int(rng.integers(0, 5)))
    elif draw < 0.44:
        box = np.asarray(ndimage.gaussian_filter(box, (0.0, *([rng.uniform(0.3, 0.9)] * 2)), truncate=2.5))
    if rng.random() < 0.25:
        box = sharpen(box, rng)
    if rng.random() < 0.5:
        box = noisy(box, rng)
    return np.asarray(box * np.float32(rng.uniform(0.96, 1.04)) + np.float32(rng.normal(scale=12.0)), dtype=np.float32)


def thick_slices(box: Float32Array, thickness: int, phase: int) -> Float32Array:
    """The box as a scan with slices `thickness` voxels thick and apart would show it after resampling.

    The box is [k, j, i]; `phase` shifts where the first slice lies.
    """
    averaged = ndimage.uniform_filter1d(box, thickness, axis=0, mode="nearest")
    kept = np.arange(phase % thickness, box.shape[0], thickness)
    at = np.clip(np.arange(box.shape[0]), kept[0], kept[-1])
    below = (
        np.clip(np.searchsorted(kept, at, side="right") - 1, 0, len(kept) - 2) if len(kept) > 1 else np.zeros(1, int)
    )
    if len(kept) < 2:
        return np.asarray(averaged, dtype=np.float32)
    part = ((at - kept[below]) / thickness).astype(np.float32)[:, None, None]
    return np.asarray(averaged[kept[below]] * (1 - part) + averaged[kept[below + 1]] * part, dtype=np.float32)


def sharpen(box: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The box [k, j, i] by a sharper kernel: in-plane unsharp mask, which also raises the noise there is."""
    soft = ndimage.gaussian_filter(box, (0.0, 0.8, 0.8), truncate=2.5)
    return np.asarray(box + np.float32(rng.uniform(0.3, 1.6)) * (box - soft), dtype=np.float32)


def noisy(box: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The box [k, j, i] by a lower dose: white or grainy noise of 3 to 38 HU."""
    noise = rng.standard_normal(box.shape, dtype=np.float32)
    if rng.random() < 0.5:
        noise = ndimage.uniform_filter(noise, 2) * 2.5
    return np.asarray(box + noise * np.float32(rng.uniform(3, 38)), dtype=np.float32)


def blur_by_breath(box: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The mean of the box [k, j, i] and itself moved by 2 to 4 voxels along k and up to 2 along j."""
    moved = np.roll(box, (int(rng.integers(2, 5)), int(rng.integers(-2, 3))), axis=(0, 1))
    share = np.float32(rng.uniform(0.25, 0.5))
    return np.asarray(box * (1 - share) + moved * share, dtype=np.float32)


def with_contrast(box: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The box [k, j, i] with blood and soft tissue up to 180 HU brighter, or pulled down as without contrast."""
    if rng.random() < 0.5:
        rise = np.float32(rng.uniform(20, 180))
        soft = np.clip((box + 30) / 80, 0, 1) * np.clip((450 - box) / 200, 0, 1)
        return np.asarray(box + rise * soft, dtype=np.float32)
    kept = np.float32(rng.uniform(0.15, 0.8))
    enhanced = np.clip(box - 40, 0, 410)
    return np.asarray(box - enhanced * (1 - kept), dtype=np.float32)


def with_holes(box: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The box [k, j, i] with centrilobular emphysema: ragged holes of some millimetres in aerated lung."""
    grain = int(rng.integers(4, 8))
    coarse = rng.standard_normal(tuple(n // grain + 2 for n in box.shape), dtype=np.float32)
    field = enlarge(coarse, grain)[tuple(slice(0, n) for n in box.shape)]
    hole = np.clip((field - np.float32(rng.uniform(0.4, 1.1))) / 0.25, 0, 1) * np.float32(rng.uniform(0.4, 0.95))
    return np.where(box < AERATED_HU, box + (HOLE_HU - box) * hole, box).astype(np.float32)
