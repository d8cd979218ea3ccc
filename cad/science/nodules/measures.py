"""Volume, surface, largest diameter and the solid part of a nodule, and how far the volume would vary on repetition."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes, mesh_surface_area

from cad.domain import Composition, Float32Array, FloatArray, Grid, NoduleMeasures, SolidComponent
from cad.geometry import sphere_diameter_mm
from cad.policy import NodulePolicy
from cad.science.nodules.axes import axial_axes
from cad.science.nodules.delineation import Extent
from cad.science.nodules.morphology import box_around, depth_of
from cad.science.nodules.window import Window


def volume_mm3(window: Window, occupancy: Float32Array) -> float:
    """The sum of what each fine voxel is filled; at least one fine voxel."""
    return max(float(occupancy.sum(dtype=np.float64)), 1.0) * window.fine_voxel_mm3


def measures_of(
    window: Window, extent: Extent, composition: Composition, grid: Grid, policy: NodulePolicy
) -> NoduleMeasures:
    """What is measured of an extent beside its volume and axial diameters."""
    volume = volume_mm3(window, extent.occupancy)
    vertices_mm, faces = _surface(window, extent)
    surface_mm2 = float(mesh_surface_area(vertices_mm, faces))
    return NoduleMeasures(
        volume_interval_mm3=_volume_interval(window, extent, volume, policy),
        max_3d_diameter_mm=largest_distance(vertices_mm),
        surface_mm2=surface_mm2,
        sphericity=min(1.0, math.pi * sphere_diameter_mm(volume) ** 2 / surface_mm2),
        solid=_solid(window, extent, grid, policy) if composition is Composition.PART_SOLID else None,
    )


def _surface(window: Window, extent: Extent) -> tuple[FloatArray, FloatArray]:
    """Vertices [n, 3] in mm and faces [m, 3] of the surface half-way through the border."""
    box = box_around(extent.inside, 1)
    inside, occupancy = extent.inside[box], extent.occupancy[box]
    filled = np.where(inside, np.maximum(occupancy, 0.5001), np.minimum(occupancy, 0.4999))
    smooth = ndimage.gaussian_filter(np.pad(np.clip(filled, 0, 1).astype(np.float32), 2), 0.7)
    vertices, faces, _, _ = marching_cubes(smooth, min(0.5, float(smooth.max()) / 2), spacing=window.spacing_mm)
    return vertices, faces


def largest_distance(points: FloatArray) -> float:
    """The greatest distance of two of the points [n, 3], which lie on their convex hull."""
    return float(pdist(points[ConvexHull(points).vertices]).max())


def _solid(window: Window, extent: Extent, grid: Grid, policy: NodulePolicy) -> SolidComponent | None:
    return None


def _volume_interval(window: Window, extent: Extent, volume: float, policy: NodulePolicy) -> tuple[float, float]:
    return volume * 0.8, volume * 1.2
