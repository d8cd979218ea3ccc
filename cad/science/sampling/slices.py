"""How far apart the slices of a series truly are, from the noise that neighbouring slices share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import Float32Array, FloatArray, Volume
from cad.policy import SamplingPolicy


@dataclass(frozen=True, slots=True)
class TrueSlices:
    """What a series shows of its slices, all in slices of the series.

    `apart` is the distance of those that the scanner made, 1 when these are they, and `first` the place of the first
    of them. `thick` is how thick each of them is.
    """

    apart: float = 1.0
    first: float = 0.0
    thick: float = 1.0


def true_slices(volume: Volume, policy: SamplingPolicy) -> TrueSlices:
    """The slices that the scanner made; those of the series where its noise says nothing."""
    lags = shared_lags(volume, policy)
    if lags is None or lags <= policy.own_lags:
        return TrueSlices()
    most, usual, least = (lags / per_slice for per_slice in policy.lags_per_slice)
    placed = _placed(volume, (least, most), policy)
    if placed is not None:
        return placed
    if lags < policy.interpolated_lags:
        return TrueSlices(thick=lags / policy.lags_per_thickness)
    return TrueSlices(least, thick=usual)


def shared_lags(volume: Volume, policy: SamplingPolicy) -> float | None:
    """How many slices apart noise still correlates by `policy.correlation`; None where there is too little to judge."""
    hu = _middle(volume, policy.judged_slices, policy).astype(np.float32)
    sigmas = [policy.noise_mm / mm for mm in volume.grid.spacing_kji_mm[1:]]
    noise = hu - ndimage.gaussian_filter(hu, (0.0, *sigmas), truncate=3.0)
    low, high = policy.judged_hu
    inside = (hu > low) & (hu < high)
    if np.count_nonzero(inside) < policy.least_voxels or len(hu) < 3:
        return None
    deviation = 1.4826 * float(np.median(np.abs(noise[inside])))
    if deviation < policy.least_noise_hu:
        return None
    inside &= np.abs(noise) < policy.noise_span * deviation
    nearer = 1.0
    for lag in range(1, min(policy.most_lags, len(hu) - 1)):
        both = inside[lag:] & inside[:-lag]
        if np.count_nonzero(both) < policy.least_voxels:
            return None
        one, other = noise[lag:][both].astype(np.float64), noise[:-lag][both].astype(np.float64)
        shared = float((one * other).mean() / np.sqrt((one**2).mean() * (other**2).mean()))
        if shared <= policy.correlation:
            return lag - (policy.correlation - shared) / (nearer - shared)
        nearer = shared
    return None


def _middle(volume: Volume, slices: int, policy: SamplingPolicy) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """The middle of a volume [k, j, i]: so many slices, of twice as many columns as rows."""
    sizes = (slices, policy.judged_pixels, 2 * policy.judged_pixels)
    starts = [max(0, (n - size) // 2) for n, size in zip(volume.grid.shape, sizes, strict=True)]
    k, j, i = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    return volume.hu[k, j, i]


def _placed(volume: Volume, between: tuple[float, float], policy: SamplingPolicy) -> TrueSlices | None:
    """The distance in this range, and the first place, at which the slices bend most from one to the next.

    None where they bend alike.
    """
    bend = _bends(_middle(volume, volume.grid.shape[0], policy))
    count = len(bend)
    low, high = max(between[0], policy.own_lags), between[1]
    step = min(0.1 * low**2 / count, high - low)
    best: tuple[float, float, float] | None = None
    for distance in np.arange(low, high + step / 2, step) if high > low else ():
        places = np.arange(0, count + distance, distance)
        for first in (np.arange(policy.comb_steps) / policy.comb_steps - policy.before_first) * distance:
            at = places + first
            inner = at[(at >= 1) & (at <= count - 2)]
            if len(inner) > 1:
                excess = float(np.interp(inner, np.arange(count), bend).mean()) - 1
                best = max(best or (policy.least_comb, 0.0, 0.0), (excess, float(distance), float(first)))
    return None if best is None or best[1] == 0 else TrueSlices(best[1], best[2])


def _bends(hu: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> FloatArray:
    """How much each slice [k, j, i] differs from the mean of its neighbours, by the mean of those around it; 1 at both
    ends, where nothing is known."""
    bends = np.ones(len(hu))
    for k in range(1, len(hu) - 1):
        mean: Float32Array = (hu[k - 1].astype(np.float32) + hu[k + 1].astype(np.float32)) / 2
        bends[k] = float(np.abs(hu[k] - mean).mean())
    bends[[0, -1]] = bends[1:-1].mean()
    around = ndimage.uniform_filter1d(bends, 41, mode="nearest")
    return np.asarray(bends / np.maximum(around, 1e-6))
