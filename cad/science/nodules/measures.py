"""Volume, surface, largest diameter and the solid part of a nodule, and how far the volume would vary on repetition."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes, mesh_surface_area

from cad.domain import Composition, Delineation, Float32Array, FloatArray, Grid, NoduleMeasures, SolidComponent
from cad.geometry import sphere_diameter_mm
from cad.policy import NodulePolicy
from cad.science.nodules.axes import axial_axes
from cad.science.nodules.border import border_of
from cad.science.nodules.composition import tissue_of
from cad.science.nodules.delineation import Extent, occupancy_of
from cad.science.nodules.levels import Levels
from cad.science.nodules.morphology import box_around, depth_of
from cad.science.nodules.window import Window


def volume_mm3(window: Window, occupancy: Float32Array) -> float:
    """The sum of what each fine voxel [k, j, i] is filled, in mm³; at least one fine voxel."""
    return max(float(occupancy.sum(dtype=np.float64)), 1.0) * window.fine_voxel_mm3


def measures_of(
    window: Window, extent: Extent, composition: Composition, grid: Grid, policy: NodulePolicy
) -> NoduleMeasures:
    """What is measured of an extent beside its volume and axial diameters."""
    volume = volume_mm3(window, extent.occupancy)
    vertices_mm, faces = _surface(window, extent, policy)
    sphericity = sphericity_of(vertices_mm, faces)
    repeated_mm3 = volume_interval_mm3(window, extent, policy)
    width = math.hypot(math.log(repeated_mm3[1] / volume), policy.error.half_width(volume, composition))
    return NoduleMeasures(
        volume_interval_mm3=(volume * math.exp(-width), volume * math.exp(width)),
        repeated_mm3=repeated_mm3,
        max_3d_diameter_mm=largest_distance(vertices_mm),
        # the mesh runs a little inside of the border that the volume tells: only its shape is taken from it
        surface_mm2=math.pi * sphere_diameter_mm(volume) ** 2 / sphericity,
        sphericity=sphericity,
        solid=solid_component(window, extent, grid, policy) if composition is Composition.PART_SOLID else None,
        core_hu=core_hu(window, extent, policy),
    )


def core_hu(window: Window, extent: Extent, policy: NodulePolicy) -> float:
    """The median attenuation of the deepest quarter of an extent, of the wall where it is a cavity, in HU."""
    box = box_around(extent.inside, 0)
    hu = window.hu[box]
    depth = depth_of(tissue_of(window, hu, extent.inside[box], policy), window.in_widths)
    deepest = depth >= np.quantile(depth[depth > 0], policy.thin_core_quantile)
    return float(np.median(hu[deepest]))


def _surface(window: Window, extent: Extent, policy: NodulePolicy) -> tuple[FloatArray, npt.NDArray[np.integer]]:
    """Vertices [n, 3] in mm and faces [m, 3] of the surface half-way through the border."""
    box = box_around(extent.inside, 1)
    inside, occupancy = extent.inside[box], extent.occupancy[box]
    filled = np.where(inside, np.maximum(occupancy, 0.5001), np.minimum(occupancy, 0.4999))
    sigma = [policy.surface_smoothing_mm / s for s in window.spacing_mm]
    smooth = ndimage.gaussian_filter(np.pad(np.clip(filled, 0, 1).astype(np.float32), 2), sigma)
    vertices, faces, _, _ = marching_cubes(smooth, min(0.5, float(smooth.max()) / 2), spacing=window.spacing_mm)
    return vertices, faces


def sphericity_of(vertices_mm: FloatArray, faces: npt.NDArray[np.integer]) -> float:
    """Surface of the ball of the same volume as a closed mesh over the mesh's surface, at most 1.

    Vertices are [n, 3] in mm, faces [m, 3] numbers of vertices. The volume is the sum of the tetrahedra from the origin
    to each face (divergence theorem).
    """
    corners = vertices_mm[faces]
    volume = abs(float(np.einsum("fa,fa->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])))) / 6
    return min(1.0, math.pi * sphere_diameter_mm(volume) ** 2 / float(mesh_surface_area(vertices_mm, faces)))


def largest_distance(points: FloatArray) -> float:
    """The greatest distance of two of the points [n, 3], which lie on their convex hull."""
    return float(pdist(points[ConvexHull(points).vertices]).max())


def solid_component(window: Window, extent: Extent, grid: Grid, policy: NodulePolicy) -> SolidComponent | None:
    """The largest connected solid part of an extent, from `policy.solid_from_hu`; None when there is none.

    That attenuation is half-way between the core's and what it is held to lie in, so the border's blur stays out of
    the volume.
    """
    solid = extent.inside & (window.hu >= policy.solid_from_hu)
    labels, count = ndimage.label(solid)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    core = labels == int(sizes.argmax()) + 1
    if np.count_nonzero(core) * window.fine_voxel_mm3 < policy.min_solid_mm3:
        return None
    depth = depth_of(core, window.in_widths)
    core_hu = float(np.median(window.hu[depth >= min(1.0, float(depth.max()))]))
    core_hu = float(np.clip(core_hu, policy.solid_from_hu + policy.min_contrast_hu, policy.densest_border_hu))
    blur_mm, noise_hu = (
        (extent.levels.blur_mm, extent.levels.noise_hu) if extent.levels else (policy.usual_blur_mm, 0.0)
    )
    levels = Levels(2 * policy.solid_from_hu - core_hu, core_hu, noise_hu, blur_mm)
    occupancy = np.minimum(
        occupancy_of(window, border_of(window, core, solid, policy), levels, policy), extent.inside
    ).astype(np.float32)
    volume, counted = volume_mm3(window, occupancy), float(np.count_nonzero(core)) * math.prod(window.spacing_mm)
    if volume < policy.least_filled_core * counted:  # a core that is all border
        volume = counted
    volume = min(volume, volume_mm3(window, extent.occupancy))
    return SolidComponent(axial_axes(window, core, occupancy, grid), volume)


def volume_interval_mm3(window: Window, extent: Extent, policy: NodulePolicy) -> tuple[float, float]:
    """The 95 % interval of the volume by the same protocol, symmetric on the scale of its logarithm."""
    volume = volume_mm3(window, extent.occupancy)
    terms = (0.0, 0.0) if extent.levels is None else _interval_terms(window, extent.levels, volume)
    width = half_width(terms, extent.delineation, policy)
    return volume * math.exp(-width), volume * math.exp(width)


def half_width(terms: tuple[float, float], delineation: Delineation, policy: NodulePolicy) -> float:
    """Half-width of that interval of the log volume, from what slices and noise add; a ball has one of its own."""
    if delineation is Delineation.BALL:
        return policy.interval_ball
    per_slice, per_noise = terms
    width = max(policy.interval_least, policy.interval_per_slice * per_slice + policy.interval_per_noise * per_noise)
    return width * policy.interval_clipped_factor if delineation is Delineation.CLIPPED else width


def _interval_terms(window: Window, levels: Levels, volume: float) -> tuple[float, float]:
    """What the volume's error grows with: (slice / diameter)², and noise / contrast × voxel edge / diameter."""
    slice_mm, row_mm, column_mm = window.width_mm
    diameter_mm = sphere_diameter_mm(volume)
    edge_mm = math.cbrt(slice_mm * row_mm * column_mm)
    return (slice_mm / diameter_mm) ** 2, levels.noise_hu / levels.contrast_hu * edge_mm / diameter_mm
