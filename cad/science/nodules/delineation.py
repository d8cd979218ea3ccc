"""Where a nodule ends: by its attenuation, by a network's outline, or by the candidate's ball.

The border lies where the attenuation is half-way between the nodule and the lung around it; what the lung mask or a
morphological opening tells to be wall or vessel is cut off. A network's outline says which tissue is nodule; the
attenuation then places its border between the voxels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Delineation, Float32Array
from cad.policy import NodulePolicy
from cad.science.nodules.border import Border, border_of
from cad.science.nodules.levels import Levels, first_levels, refined_levels
from cad.science.nodules.morphology import box_around, component_nearest, depth_of, without_holes
from cad.science.nodules.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """Fine voxels of a nodule (`inside`) and how far each one is filled (`occupancy`, about 0 to 1), [k, j, i].

    `levels` are those of the border; None where no border was seen.
    """

    inside: BoolArray
    occupancy: Float32Array
    delineation: Delineation
    levels: Levels | None = None


def delineate(window: Window, policy: NodulePolicy) -> Extent:
    """The extent by the network's outline where there is one, else by threshold, else the candidate's ball."""
    if window.outlined is not None and window.outlined.any():
        return _by_outline(window, window.outlined, policy)
    return _by_threshold(window, policy)


def _by_outline(window: Window, outlined: BoolArray, policy: NodulePolicy) -> Extent:
    """The tissue that a network outlined, its border moved to half attenuation where that is close."""
    depth = depth_of(outlined, window.in_widths)
    levels = first_levels(window, depth >= min(1.0, float(depth.max())), policy)
    inside = outlined
    for _ in range(policy.level_steps):
        if levels.contrast_hu < policy.min_contrast_hu:
            return Extent(outlined, outlined.astype(np.float32), Delineation.NETWORK)
        smooth_hu = _denoised(window, levels, policy)
        dense = smooth_hu >= levels.border_hu
        if levels.tissue_hu < policy.faint_below_hu:
            alike = smooth_hu <= levels.tissue_hu + policy.faint_rise * levels.contrast_hu
            reach = (policy.faint_inward_widths, policy.snapping_widths[1], policy.faint_reach_mm)
            inside = _snapped(window, outlined, dense & (outlined | alike), reach)
        else:
            inside = _snapped(window, outlined, dense, (*policy.snapping_widths, 0.0))
        border = border_of(window, inside, dense, policy)
        levels = refined_levels(window, border, levels, policy)
    return Extent(inside, occupancy_of(window, border, levels, policy), Delineation.NETWORK, levels)


def _snapped(window: Window, outlined: BoolArray, dense: BoolArray, reach: tuple[float, float, float]) -> BoolArray:
    """`outlined` without what is not dense near its border, and with what is dense just outside, both [k, j, i].

    The reach is inward and outward in widths, and outward in mm, whichever is farther.
    """
    inward, outward, outward_mm = reach
    box = box_around(outlined, window.fine_voxels(outward + 1) + math.ceil(outward_mm / min(window.spacing_mm)))
    part = outlined[box]
    depth = depth_of(part, window.in_widths)
    near = ndimage.distance_transform_edt(~part, sampling=window.in_widths) <= outward
    if outward_mm:
        near |= ndimage.distance_transform_edt(~part, sampling=window.spacing_mm) <= outward_mm
    snapped = np.zeros_like(outlined)
    snapped[box] = (depth > inward) | dense[box] & (part | near & window.allowed[box])
    if not snapped.any():
        return outlined
    nearest = component_nearest(snapped, np.where(outlined, window.from_centre_mm(), np.inf))
    return outlined if nearest is None else without_holes(nearest)


def _by_threshold(window: Window, policy: NodulePolicy) -> Extent:
    """The extent by threshold, else the ball cut by the threshold, else the candidate's ball.

    A second threshold, from the tissue that the first found, is dropped where it leaks and the first did not.
    """
    inner = window.allowed & (window.from_centre_mm() <= policy.inner_ball_fraction * window.radius_mm)
    if not inner.any():
        return _ball(window)
    levels = first_levels(window, inner, policy)
    extent: Extent | None = None
    for _ in range(policy.level_steps):
        if levels.contrast_hu < policy.min_contrast_hu:
            return _ball(window)
        smooth_hu = _denoised(window, levels, policy)
        region = _region(window, smooth_hu, levels, policy)
        if region is None:
            return _ball(window)
        if extent is not None and _is_worse(region[1], extent.delineation):
            break
        border = border_of(window, region[0], smooth_hu >= levels.border_hu, policy)
        levels = refined_levels(window, border, levels, policy)
        extent = Extent(region[0], occupancy_of(window, border, levels, policy), region[1], levels)
    return _ball(window) if extent is None else extent


def _is_worse(a: Delineation, b: Delineation) -> bool:
    order = list(Delineation)
    return order.index(a) > order.index(b)


def _region(
    window: Window, smooth_hu: Float32Array, levels: Levels, policy: NodulePolicy
) -> tuple[BoolArray, Delineation] | None:
    """The connected tissue at the centre without its vessels, and how it was found; None when there is none."""
    from_centre = window.from_centre_mm()
    limit_mm = policy.leak_radius_factor * window.radius_mm + policy.centring_slack_mm
    tissue = (smooth_hu >= levels.border_hu) & window.allowed
    whole = component_nearest(tissue & (from_centre <= limit_mm), from_centre)
    if whole is None:
        return None
    shell = (from_centre > policy.leak_shell * limit_mm) & (from_centre <= limit_mm)
    filled = without_holes(whole)
    for opening in policy.openings:
        opened = _opened(filled, window, opening)
        if np.count_nonzero(opened & shell) <= policy.max_leak * np.count_nonzero(shell):
            was_cut = _cut_share(opened, smooth_hu >= levels.border_hu) > policy.max_cut_share
            return opened, Delineation.CLIPPED if was_cut else Delineation.SEGMENTED
    clipped = component_nearest(tissue & (from_centre <= window.radius_mm), from_centre)
    return None if clipped is None else (without_holes(clipped), Delineation.CLIPPED)


def _cut_share(inside: BoolArray, dense: BoolArray) -> float:
    """The part of a region's surface that borders on dense tissue, where the border was cut and not seen."""
    box = box_around(inside, 1)
    surface = ndimage.binary_dilation(inside[box]) & ~inside[box]
    return float(dense[box][surface].mean()) if surface.any() else 1.0


def _denoised(window: Window, levels: Levels, policy: NodulePolicy) -> Float32Array:
    """Attenuation for the threshold: smoothed where the contrast is not many times the noise."""
    if levels.contrast_hu >= policy.clear_contrast_to_noise * levels.noise_hu:
        return window.hu
    width_mm = float(np.clip(policy.smoothing_per_radius * window.radius_mm, *policy.smoothing_range_mm))
    smooth: Float32Array = ndimage.gaussian_filter(window.hu, [width_mm / s for s in window.spacing_mm], truncate=2.5)
    return smooth


def _opened(whole: BoolArray, window: Window, opening: tuple[float, float]) -> BoolArray:
    """`whole` without the parts thinner than a ball, and without the pieces that these parts held.

    `opening` is the ball's radius as a part of the inscribed ball near the centre, and its upper bound in mm.
    """
    fraction, at_most_mm = opening
    box = box_around(whole, 1)
    part = whole[box]
    depth = depth_of(part, window.spacing_mm)
    near = np.where(window.from_centre_mm()[box] <= window.radius_mm, depth, 0.0)
    deepest = int((near if near.any() else depth).argmax())
    reach_mm = min(fraction * float(depth.flat[deepest]), at_most_mm)
    cores, _ = ndimage.label(depth > reach_mm)
    core = cores == cores.flat[deepest]
    slack_mm = max(window.spacing_mm)
    opened = np.zeros_like(whole)
    opened[box] = part & (ndimage.distance_transform_edt(~core, sampling=window.spacing_mm) <= reach_mm + slack_mm)
    return opened


def occupancy_of(window: Window, border: Border, levels: Levels, policy: NodulePolicy) -> Float32Array:
    """The part of each fine voxel [k, j, i] that is nodule: by attenuation in the blurred border, else 0 or 1.

    Border voxels outside that are nearer to other tissue, or to what is not lung, belong to that.
    """
    near = _near_border(window, border, levels, policy) & border.own
    fill = np.clip((window.hu[border.box] - levels.lung_hu) / levels.contrast_hu, *policy.border_fill_range)
    occupancy = np.zeros(window.hu.shape, dtype=np.float32)
    occupancy[border.box] = np.where(near, fill, border.inside)
    return occupancy


def _near_border(window: Window, border: Border, levels: Levels, policy: NodulePolicy) -> BoolArray:
    """Voxels within the blurred border: about a slice across, and as wide as the blur in the plane."""
    across = policy.border_widths
    within_plane = max(across, policy.border_blurs * levels.blur_mm / window.width_mm[1])
    if within_plane == across:
        return np.asarray((border.depth <= across) & (border.outside <= across))
    k, j, i = window.in_widths
    reach = (k / across, j / within_plane, i / within_plane)
    within: BoolArray = depth_of(border.inside, reach) <= 1
    return np.asarray(within & (ndimage.distance_transform_edt(~border.inside, sampling=reach) <= 1))


def _ball(window: Window) -> Extent:
    """The candidate's ball, centred on the nearest source slice so that this slice shows it."""
    step_mm = window.steps[0] * window.spacing_mm[0]
    on_slice = np.array([round(window.centre_mm[0] / step_mm) * step_mm, window.centre_mm[1], window.centre_mm[2]])
    from_centre = replace(window, centre_mm=on_slice).from_centre_mm()
    occupancy = np.clip((window.radius_mm - from_centre) / window.spacing_mm[1] + 0.5, 0, 1).astype(np.float32)
    return Extent(occupancy >= 0.5, occupancy, Delineation.BALL)
