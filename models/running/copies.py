"""The same scan on another grid, by another kernel or with more noise: what measures must not depend on.

Every copy shows the same anatomy at the same places in mm; volumes are HU [k, j, i].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from cad.domain import Float32Array, Grid, Int16Array, Volume
from cad.geometry import position_of, stepped_grid

LEAST_HU, MOST_HU = -1024, 3071
"""The range of 12-bit CT."""

Copy = Callable[[Volume], Volume]


def resampled(volume: Volume, spacing_kji_mm: tuple[float, float, float], first: float = 0.0) -> Volume:
    """Linear interpolation to about this spacing, from slice and pixel `first` on (in voxels of the volume)."""
    hu, affine = volume.hu, np.array(volume.grid.affine)
    affine[:3, 3] = position_of(volume.grid, (first, first, first)).as_array()
    for axis, (own, new) in enumerate(zip(volume.grid.spacing_kji_mm, spacing_kji_mm, strict=True)):
        last = hu.shape[axis] - 1
        count = round((last - first) * own / new) + 1
        places = np.linspace(first, last, count)
        affine[:3, axis] *= (last - first) / (count - 1)
        if count != last + 1 or first:
            hu = _along(hu, places, axis)
    return Volume(hu, Grid((hu.shape[0], hu.shape[1], hu.shape[2]), affine), volume.frame_of_reference_uid)


def _along(hu: Int16Array, places: np.ndarray[tuple[int], np.dtype[np.floating]], axis: int) -> Int16Array:
    below = np.minimum(places.astype(int), hu.shape[axis] - 2)
    share = (places - below).astype(np.float32)
    shape = [1, 1, 1]
    shape[axis] = -1
    size = list(hu.shape)
    size[axis] = len(places)
    found = np.empty(size, dtype=np.int16)
    if axis == 0:
        for n, (k, part) in enumerate(zip(below, share, strict=True)):
            found[n] = np.rint(hu[k] * (1 - part) + hu[k + 1] * part)
        return found
    share = share.reshape(shape)[0]
    for k, plane in enumerate(hu):
        low, high = np.take(plane, below, axis - 1), np.take(plane, below + 1, axis - 1)
        found[k] = np.rint(low * (1 - share) + high * share)
    return found


def thicker(volume: Volume, slices: int, apart: int | None = None) -> Volume:
    """Slices that are means of so many, and as far apart, or `apart` slices: then they overlap."""
    step = slices if apart is None else apart
    starts = np.arange(0, volume.hu.shape[0] - slices + 1, step)
    hu = np.stack([np.rint(volume.hu[k : k + slices].mean(axis=0, dtype=np.float32)) for k in starts]).astype(np.int16)
    grid = stepped_grid(volume.grid, (hu.shape[0], hu.shape[1], hu.shape[2]), (step, 1, 1), ((slices - 1) / 2, 0, 0))
    return Volume(hu, grid, volume.frame_of_reference_uid)


def halved(volume: Volume) -> Volume:
    """Means of two slices, rows and columns: a scan of half the resolution, without what is left over."""
    k, j, i = (n // 2 for n in volume.hu.shape)
    blocks = volume.hu[: 2 * k, : 2 * j, : 2 * i].reshape((k, 2, j, 2, i, 2))
    hu = np.rint(blocks.mean(axis=(1, 3, 5), dtype=np.float32)).astype(np.int16)
    grid = stepped_grid(volume.grid, (k, j, i), (2, 2, 2), (0.5, 0.5, 0.5))
    return Volume(hu, grid, volume.frame_of_reference_uid)


def turned(volume: Volume, degrees: float) -> Volume:
    """The patient turned on the table by so many degrees about the axis of the body, interpolated in the plane.

    The places in the patient turn with the images, which the grid follows.
    """
    middle = (np.array(volume.hu.shape[1:]) - 1) / 2
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    hu = np.stack(
        [
            ndimage.affine_transform(
                plane.astype(np.float32), turn, offset=middle - turn @ middle, order=1, cval=float(LEAST_HU)
            )
            for plane in volume.hu
        ]
    )
    whole = np.eye(4)
    whole[1:3, 1:3] = turn
    whole[1:3, 3] = middle - turn @ middle
    return Volume(
        np.rint(hu).astype(np.int16), Grid(volume.grid.shape, volume.grid.affine @ whole), volume.frame_of_reference_uid
    )


def by_kernel(volume: Volume, gain: float, sigma_mm: float = 0.6) -> Volume:
    """An unsharp mask in plane of this gain; a negative one smooths."""
    _, j, i = volume.grid.spacing_kji_mm
    hu = np.empty_like(volume.hu)
    for k, plane in enumerate(volume.hu):
        own: Float32Array = plane.astype(np.float32)
        hu[k] = _values(own + gain * (own - ndimage.gaussian_filter(own, (sigma_mm / j, sigma_mm / i))))
    return Volume(hu, volume.grid, volume.frame_of_reference_uid)


def noisier(volume: Volume, noise_hu: float, seed: int) -> Volume:
    """More noise, of the grain of a soft kernel and so many HU in each slice."""
    rng = np.random.default_rng(seed)
    _, j, i = volume.grid.spacing_kji_mm
    hu = np.empty_like(volume.hu)
    for k, plane in enumerate(volume.hu):
        noise = ndimage.gaussian_filter(rng.standard_normal(plane.shape, dtype=np.float32), (0.5 / j, 0.5 / i))
        hu[k] = _values(plane + noise * np.float32(noise_hu / noise.std()))
    return Volume(hu, volume.grid, volume.frame_of_reference_uid)


def _values(hu: Float32Array) -> Int16Array:
    return np.clip(np.rint(hu), LEAST_HU, MOST_HU).astype(np.int16)


def copies_of(volume: Volume) -> Mapping[str, Copy]:
    """The copies of a scan by name."""
    k, j, i = volume.grid.spacing_kji_mm

    def on(slice_mm: float | None = None, pixel_mm: float | None = None, first: float = 0.0) -> Copy:
        return lambda v: resampled(v, (slice_mm or k, pixel_mm or j, pixel_mm or i), first)

    made: dict[str, Copy] = {
        "half the slice distance": on(k / 2),
        "slices every 1.24 mm": on(1.24),
        "slices every 0.5 mm": on(0.5),
        "slices every 0.42 mm": on(0.42),
        "pixels of 0.5 mm": on(pixel_mm=0.5),
        "pixels of 0.3 mm": on(pixel_mm=0.3),
        "pixels of 1 mm": on(pixel_mm=1.0),
        "moved by 0.4 of a voxel": on(first=0.4),
        "turned by 5 degrees": lambda v: turned(v, 5.0),
        "twice as thick": lambda v: thicker(v, 2),
        "twice as thick, overlapping": lambda v: thicker(v, 2, 1),
        "sharper": lambda v: by_kernel(v, 1.0),
        "smoother": lambda v: by_kernel(v, -0.7),
        "noisier": lambda v: noisier(v, 20.0, seed=3),
    }
    if k <= 1.3:
        del made["slices every 1.24 mm"]
    return made
