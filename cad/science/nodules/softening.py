"""How sharp the kernel of a scan is, by the grain of its noise, and the scan as a soft kernel would show it.

A sharp kernel overshoots at edges: vessels and small nodules come out denser than soft tissue is, up to what only
calcium has. Its name says little across makers, and is often missing; its noise shows it: neighbouring pixels of a soft
kernel err alike, those of a sharp one do not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from cad.domain import Float32Array, Volume
from cad.policy import KernelPolicy


def softened(volume: Volume, policy: KernelPolicy) -> Volume:
    """The volume itself when its kernel is soft, or smoothed in plane until its noise has the grain of a soft one."""
    sigma = softening_mm(volume, policy)
    if sigma == 0:
        return volume
    _, j, i = volume.grid.spacing_kji_mm
    hu = np.empty_like(volume.hu)
    for k, plane in enumerate(volume.hu):
        hu[k] = np.rint(ndimage.gaussian_filter(plane.astype(np.float32), (sigma / j, sigma / i), truncate=3.0))
    return replace(volume, hu=hu)


def softening_mm(volume: Volume, policy: KernelPolicy) -> float:
    """Standard deviation of the smoothing in plane that gives the noise the grain of a soft kernel; 0 for a soft one.

    Also 0 where there is too little soft tissue to judge by, or hardly any noise.
    """
    _, j, i = volume.grid.spacing_kji_mm
    slices = volume.hu.shape[0]
    low, high = (round(share * (slices - 1)) for share in policy.judged_height)
    planes = [
        volume.hu[k].astype(np.float32) for k in np.unique(np.linspace(low, high, policy.judged_slices).astype(int))
    ]
    for sigma in (0.0, *policy.softenings_mm):
        grain = _grain([_smooth(plane, sigma, (j, i)) for plane in planes], (j, i), policy)
        if grain is None or grain >= policy.soft_grain:
            return sigma if grain is not None else 0.0
    return policy.softenings_mm[-1]


def _smooth(plane: Float32Array, sigma_mm: float, spacing_ji_mm: tuple[float, float]) -> Float32Array:
    if sigma_mm == 0:
        return plane
    smooth: Float32Array = ndimage.gaussian_filter(plane, [sigma_mm / mm for mm in spacing_ji_mm], truncate=3.0)
    return smooth


def _grain(planes: list[Float32Array], spacing_ji_mm: tuple[float, float], policy: KernelPolicy) -> float | None:
    """The correlation of the noise in soft tissue over `policy.grain_mm` along the rows, the median of the planes.

    None where hardly any plane [j, i] shows enough of it.
    """
    found = [c for c in (_correlation(plane, spacing_ji_mm, policy) for plane in planes) if c is not None]
    return float(np.median(found)) if 2 * len(found) >= len(planes) else None


def _correlation(plane: Float32Array, spacing_ji_mm: tuple[float, float], policy: KernelPolicy) -> float | None:
    """The correlation at `policy.grain_mm`, between those at the whole numbers of pixels around it."""
    widths = [max(3, round(policy.even_mm / mm) // 2 * 2 + 1) for mm in spacing_ji_mm]
    around = ndimage.uniform_filter(plane, widths)
    low, high = policy.soft_tissue_hu
    inside = ndimage.binary_erosion((around > low) & (around < high), iterations=3)
    noise = plane - ndimage.gaussian_filter(plane, [policy.background_mm / mm for mm in spacing_ji_mm], truncate=3.0)
    if np.count_nonzero(inside) < policy.judged_pixels:
        return None
    inside &= np.abs(noise) < policy.noise_span * float(np.std(noise[inside]))
    if float(np.std(noise[inside])) < policy.least_noise_hu:
        return None
    lag = policy.grain_mm / spacing_ji_mm[1]
    below = max(1, int(lag))
    near, far = (_at_lag(noise, inside, n) for n in (below, below + 1))
    return near + (far - near) * float(np.clip(lag - below, 0, 1))


def _at_lag(noise: Float32Array, inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], lag: int) -> float:
    both = inside[:, lag:] & inside[:, :-lag]
    one, other = noise[:, lag:][both], noise[:, :-lag][both]
    return float((one * other).mean() / np.sqrt((one * one).mean() * (other * other).mean()))
