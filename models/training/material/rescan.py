"""The same scan as another protocol would have shown it: thicker slices, a sharper kernel, a lower dose.

For paired measurement, so nothing here is drawn at random but noise. Arrays are HU [k, j, i] on the 1 mm grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, Int16Array, UInt8Array

SHARP_SIGMA_MM, SHARP_GAIN = 0.8, 1.5
SHARP_NOISE_RISE = 2.5
"""How many times as noisy a lung kernel is as a soft-tissue kernel of the same dose; 2 to 3 on common scanners."""

LOW_DOSE_NOISE_RISE = 2.0
"""Noise goes with one over the square root of the dose: twice the noise is a quarter of the dose."""

GRAIN_MM = 0.6
AERATED_HU = -800.0


def thick_slices(hu: Float32Array, thickness: int) -> Float32Array:
    """HU [k, j, i] as slices `thickness` voxels thick and apart, each the mean of its slab, interpolated back."""
    depth = hu.shape[0]
    starts = np.arange(0, depth, thickness)
    slabs = np.stack([hu[s : s + thickness].mean(axis=0) for s in starts])
    middles = np.minimum(starts + (thickness - 1) / 2, (starts + depth - 1) / 2)
    at = np.interp(np.arange(depth), middles, np.arange(len(starts)))
    below = np.minimum(at.astype(int), max(len(starts) - 2, 0))
    share = (at - below).astype(np.float32)[:, None, None]
    above = np.minimum(below + 1, len(starts) - 1)
    return np.asarray(slabs[below] * (1 - share) + slabs[above] * share, dtype=np.float32)


def sharp_kernel(hu: Float32Array, lungs: UInt8Array, rng: np.random.Generator) -> Float32Array:
    """In-plane unsharp mask, and noise of the same grain until aerated lung is 2.5 times as noisy as it was.

    HU and lungs are [k, j, i].
    """
    sharp = hu + np.float32(SHARP_GAIN) * (hu - _in_plane(hu, SHARP_SIGMA_MM))
    noise = rng.standard_normal(hu.shape, dtype=np.float32)
    noise -= _in_plane(noise, SHARP_SIGMA_MM)
    aerated = _aerated(hu, lungs)
    return _noisier(sharp, noise, aerated, SHARP_NOISE_RISE * noise_in(hu, aerated))


def low_dose(hu: Float32Array, lungs: UInt8Array, rng: np.random.Generator) -> Float32Array:
    """Grainy noise until aerated lung is twice as noisy as it was, as with a quarter of the dose.

    HU and lungs are [k, j, i].
    """
    noise = _in_plane(rng.standard_normal(hu.shape, dtype=np.float32), GRAIN_MM)
    aerated = _aerated(hu, lungs)
    return _noisier(hu, noise, aerated, LOW_DOSE_NOISE_RISE * noise_in(hu, aerated))


def _in_plane(array: Float32Array, sigma: float) -> Float32Array:
    return np.asarray(ndimage.gaussian_filter(array, (0.0, sigma, sigma), truncate=2.5), dtype=np.float32)


def _noisier(hu: Float32Array, noise: Float32Array, aerated: BoolArray, wanted_hu: float) -> Float32Array:
    """With as much of `noise` that the noise in aerated lung is the one wanted; unchanged where it is so already."""
    present, unit = noise_in(hu, aerated), noise_in(noise, aerated)
    missing = np.sqrt(max(wanted_hu**2 - present**2, 0.0))
    return np.asarray(hu + noise * np.float32(missing / unit if unit else 0.0), dtype=np.float32)


def _aerated(hu: Float32Array, lungs: UInt8Array) -> BoolArray:
    return np.asarray((lungs > 0) & (hu < AERATED_HU))


def noise_in(hu: Float32Array, aerated: BoolArray) -> float:
    """Robust spread of differences along i in aerated lung [k, j, i], from every fourth slice; 0 without any."""
    pairs = aerated[::4, :, 1:] & aerated[::4, :, :-1]
    difference = np.diff(hu[::4], axis=2)[pairs]
    return 1.4826 * float(np.median(np.abs(difference - np.median(difference)))) if len(difference) else 0.0


Change = Callable[[Float32Array, UInt8Array, np.random.Generator], Float32Array]

DEGRADATIONS: Mapping[str, Change] = {
    "3 mm slices": lambda hu, lungs, rng: thick_slices(hu, 3),  # noqa: ARG005
    "5 mm slices": lambda hu, lungs, rng: thick_slices(hu, 5),  # noqa: ARG005
    "sharp kernel": sharp_kernel,
    "quarter dose": low_dose,
}


def rescan(hu: Int16Array, lungs: UInt8Array, degradation: str, seed: int) -> Int16Array:
    """The scan [k, j, i] under one of `DEGRADATIONS`; the same seed gives the same noise."""
    changed = DEGRADATIONS[degradation](hu.astype(np.float32), lungs, np.random.default_rng(seed))
    return np.asarray(changed.round().clip(-1024, 3071).astype(np.int16))
