"""Limits and constants: candidates, borders and measures of nodules."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.cavities import CavityPolicy
from cad.policy.volumes import VolumeErrorPolicy


@dataclass(frozen=True, slots=True)
class CandidatePolicy:
    """Which detector marks become nodules."""

    min_diameter_mm: float = 3.0
    """Smaller opacities are micronodules and not reported (Fleischner glossary 2024; LUNA16 uses the same)."""
    lung_margin_mm: float = 5.0
    """How far outside the lungs a mark's centre may lie: a pleural nodule of 10 mm that the lung mask left out."""
    merge_fraction: float = 0.5
    """Two marks closer than this part of the larger diameter hit the same lesion (LUNA16: hit = inside the radius)."""


@dataclass(frozen=True, slots=True)
class NodulePolicy:
    """How nodules are delineated and described.

    A *width* is what the scanner resolves, along each axis: the thickness of a slice, and in the plane the pixel or, if
    that is larger, `in_plane_width_mm`.
    """

    in_plane_width_mm: float = 0.7
    """Finer pixels show no more: lung and soft-tissue kernels spread a border by 1.2 mm and more (half its height)."""

    fine_spacing_range_mm: tuple[float, float] = (0.35, 1.2)
    """Spacing that the fine grid aims at: about the pixel of chest CT, coarser only for masses, to bound the time."""
    fine_steps_per_diameter: float = 30.0
    """A diameter of so many fine voxels is enough: the border is placed between voxels."""
    leak_radius_factor: float = 1.6
    """No nodule reaches beyond this many radii of its candidate: detectors err by about 20 %, long nodules by more."""
    surround_mm: float = 5.0
    """Width of lung beyond that limit, to measure the attenuation of the lung around the nodule."""

    min_lung_fraction: float = 0.9
    """If less of the candidate's inner ball lies in the lungs, the lung mask cut into the nodule and is closed."""
    min_bridged_fraction: float = 0.5
    """If less lies in the closed lungs, the lung mask says nothing about this place."""
    inner_ball_fraction: float = 0.6
    """The ball of this part of the radius is nodule even when centre (2 mm) and diameter (20 %) are off."""
    inner_percentile: float = 65.0
    """First guess of the nodule's attenuation in that ball; above the median, as part of the ball may be lung."""
    centring_steps: int = 3
    centring_width: float = 0.6
    """Mean shift: its steps, and the standard deviation of its window as a part of its reach."""
    centring_slack_mm: float = 1.0
    """Added to the candidate's radius where the nodule is looked for: a detector's grid of 1 mm, so its centres."""

    usual_lung_hu: float = -860.0
    """Mean lung attenuation at full inspiration, used where no aerated lung is in the window."""
    aerated_below_hu: float = -600.0
    """Below: aerated lung, without vessels, bronchial walls and ground glass (which begins near -700 to -600 HU)."""
    min_lung_mm3: float = 20.0
    """With less aerated lung around a nodule than this the usual value stands for it."""
    min_contrast_hu: float = 100.0
    """Fainter candidates have no measurable border: ground glass differs from lung by at least about 100 HU."""
    level_steps: int = 2
    """Threshold, measure the tissue inside, threshold again."""
    rim_depth_mm: float = 3.0
    """Depth to which the tissue sets the border: deeper, a centre may be denser."""
    min_rim_mm3: float = 2.0
    """Less of a shell would be noise."""
    blurs_mm: tuple[float, ...] = (0.35, 0.5, 0.65)
    usual_blur_mm: float = 0.5
    """Standard deviations of the in-plane blur of lung to soft-tissue kernels (half of the contrast passes at 2.5 to 7
    line pairs per cm), and the usual one."""
    surely_solid_hu: float = -150.0
    usual_solid_hu: float = 30.0
    usual_solid_weight: float = 40.0
    """Solid nodules are of soft tissue: said as loudly as this many samples, so that only the smallest listen."""
    blur_spread_mm: float = 0.15
    enhanced_blur_mm: float = 0.8
    enhancement_spread: float = 1.0
    """Edge-enhancing kernels: what this blur takes away counts about so many times more."""
    shift_spread_mm: float = 0.3
    """How far the half-way border of a blurred image lies from the nodule's: about the blur squared over the radius."""
    unexplained_share: float = 0.05
    """Part of the contrast by which no nodule resembles its own blurred shape, beside the noise."""
    slice_recovery: float = 0.2
    """Contrast that the fit misses, as a part of it, per squared ratio of slice to diameter (digital nodules)."""
    rim_outside_widths: float = 2.0
    """How far outside a region the image is compared with the blurred region."""
    halo_widths: tuple[float, float] = (1.5, 3.0)
    halo_contrast_hu: float = 130.0
    """A shell of this distance (widths, outside the blur) whose median is so far from both lung and nodule is
    the ground-glass part of a part-solid nodule; vessels do not fill half of a shell."""
    densest_border_hu: float = 250.0
    """Upper bound of the tissue that sets the border: calcium lies in soft tissue, whose border is meant."""
    clear_contrast_to_noise: float = 15.0
    """With more contrast than this many times the noise, a threshold at half is wrong for no voxel; else smooth."""
    smoothing_per_radius: float = 0.15
    smoothing_range_mm: tuple[float, float] = (0.5, 1.2)
    """Standard deviation of the smoothing: it shrinks a ball by about its square divided by the radius (< 3 %)."""

    openings: tuple[tuple[float, float], ...] = ((0.45, 3.0), (0.65, 6.0), (0.85, 15.0))
    """Radius of the opening as part of the inscribed ball, and its bound in mm: vessels beside a nodule are seldom
    wider than 6 mm; the next is tried when the region still leaks into wall or hilum."""
    leak_shell: float = 0.92
    max_leak: float = 0.1
    """A region that covers more of the limit's outer shell than this has leaked."""
    max_cut_share: float = 0.5
    """With more of its surface against dense tissue, a nodule's border was set by the cut, not by attenuation."""
    border_widths: float = 1.2
    """Half-width of the blurred border: slice profile and interpolation reach about one width."""
    border_blurs: float = 2.5
    """The same in standard deviations of the in-plane blur, where that is wider."""
    border_reach_widths: float = 3.5
    """What lies farther from a nodule has nothing to do with its border."""
    border_fill_range: tuple[float, float] = (-0.3, 1.3)
    """Noise is symmetric, so the filling of the border may pass 0 and 1; bones and vessels must not count more."""
    other_tissue_widths: float = 0.6
    """What is dense farther than this outside belong to something else; nearer, the smoothing rounded them off."""

    interior_widths: float = 1.0
    """Depth from which attenuation is free of the border's blur."""
    min_interior_mm3: float = 6.0
    """Less than this does not tell a composition; then the deepest voxels must do."""
    thin_core_quantile: float = 0.75
    solid_from_hu: float = -300.0
    """Solid component from here (between ground glass, below -300 HU, and soft tissue; -300 HU is the usual cut)."""
    solid_share: float = 0.7
    part_solid_share: float = 0.08
    """Shares of solid voxels that make a nodule solid or part-solid; below, vessels in ground glass explain them."""
    least_filled_core: float = 0.5
    """A solid part whose border, by attenuation, fills less of it than this is too thin to tell: its voxels count."""
    min_solid_mm3: float = 3.0
    """A solid component smaller than a ball of 1.8 mm cannot be measured."""
    calcified_from_hu: float = 200.0
    """Calcium on non-enhanced CT (Siegelman 1986 and later practice: 200 HU); with contrast, or when that is not known,
    the limit of the signs takes its place."""
    calcified_share: float = 0.1
    """A part of the cross-section that reads as calcified (Siegelman 1986: at least 10 %)."""
    fat_range_hu: tuple[float, float] = (-150.0, -40.0)
    """Fat (Siegelman 1986, hamartoma: -40 to -120 HU, with margin for noise)."""
    fat_share: float = 0.5
    fat_depth_widths: float = 1.5
    fat_least_mm3: float = 60.0
    fat_slices: int = 2
    """Fat is told this deep below the border, of this volume and on so many slices: nearer, blurred soft tissue looks
    the same. The volume is that from which the sign of fat is certain enough for a benign pattern
    (`AttributePolicy`)."""

    cavity: CavityPolicy = CavityPolicy()

    faint_below_hu: float = -300.0
    faint_inward_widths: float = 0.7
    faint_reach_mm: float = 2.1
    faint_rise: float = 0.75
    """The network draws ground glass too small, half of it and less (0.56 of the readers' volume, 0.66 with this):
    there the border may move farther out, through what is no denser than the nodule by this part of its contrast, as
    vessels are, and less far in."""

    outlined_from: float = 0.5
    """A network's outline: voxels that are more probably nodule than not."""
    min_certainty: float = 0.7
    """A network's outline is taken from this expected overlap (Dice) on. On left-out patients 0.8 to 0.85 expected was
    0.78 in truth, and of the five outlines below 0.75 three overlapped by less than 0.3 (docs/characterization.md)."""
    believable_diameters: tuple[float, float] = (0.4, 2.5)
    """An outline whose diameter is so many times the candidate's is that of something else."""
    snapping_widths: tuple[float, float] = (1.5, 0.8)
    """How far the attenuation may move a network's outline inward and outward: readers draw about
    half a pixel outside the half-way border."""

    surface_smoothing_mm: float = 0.4
    """Standard deviation of the smoothing before the surface is laid: without it the steps of the grid add to it."""

    interval_least: float = 0.02
    """Half-width of the interval of repetition of the log volume at least: with it that holds 96 % of the true volumes
    of digital nodules (docs/measurement.md). Vessels and ragged borders add to it, nobody has measured how much."""
    interval_per_slice: float = 0.21
    interval_per_noise: float = 9.5
    """The half-width: by the squared ratio of slice to diameter, and by noise over contrast times voxel edge over
    diameter. Fitted to repeats of digital nodules (models/training/figures/measurement.py, docs/measurement.md)."""
    interval_clipped_factor: float = 2.0
    """Where most of the border was cut, twice as wide: an assumption, as digital nodules are seldom clipped."""
    interval_ball: float = 0.55
    """Log volume of a candidate's ball: three times the log of 1.2, as a detector's diameters are off by a fifth."""

    error: VolumeErrorPolicy = VolumeErrorPolicy()
    """What another grid, kernel or thickness would add: the interval that is stated holds it."""

    same_nodule_overlap: float = 0.5
    """Masks that share more of the smaller one are one lesion."""
