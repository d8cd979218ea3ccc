"""Every clinical number of lungcad, frozen, each with its source. A change here is a clinical change.

Bump `POLICY_VERSION` and write a line under *Clinical behaviour* in CHANGELOG.md with every change of a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

POLICY_VERSION = "2026.4"


@dataclass(frozen=True, slots=True)
class SeriesPolicy:
    """Which CT series are fit for nodule analysis."""

    max_slice_thickness_mm: float = 5.0
    """Thicker slices hide nodules under 6 mm (ACR-STR practice parameter for chest CT: reconstructions ≤ 5 mm)."""

    max_slice_spacing_mm: float = 5.0
    """Slices further apart leave tissue unseen even when they are thin (the same limit as for the thickness)."""

    max_pixel_spacing_mm: float = 2.0
    """A 6 mm nodule needs at least three pixels across; the whole chest on a 256 matrix has just under 2 mm."""

    min_slices: int = 12
    """Fewer slices than this are a sample of the chest, no volume: 12 slices of 5 mm are a fifth of a lung's height."""

    min_coverage_mm: float = 40.0
    """An adult lung is 200 to 300 mm high; a stack lower than a fifth of that is no chest examination."""

    spacing_tolerance_mm: float = 0.1
    """Scanners write positions rounded to 0.1 mm at worst, so neighbouring distances may differ by that much;
    the error of a measured volume stays below 0.1 mm per slice edge."""

    coincident_slices_mm: float = 0.01
    """Positions closer than this are one position: a tenth of the coarsest rounding that scanners use."""

    max_tilt_degrees: float = 1.0
    """The stack may lean this much against the slice normal (rounded cosines and positions); more is gantry tilt."""

    max_obliquity_degrees: float = 20.0
    """Slices may be turned this much from axial (angled patient or oblique reconstruction of the chest)."""

    air_hu: int = -1024
    """Padding and everything below is set to this value: the lowest value of 12-bit CT (intercept −1024)."""

    plausible_hu: tuple[float, float] = (-1100.0, 3100.0)
    """Air with noise to the top of the 12-bit scale (3071 HU); more only from metal on an extended scale."""

    max_fraction_below_plausible: float = 0.5
    """Undeclared padding outside the round field of view is 21 % of a square; more means a wrong rescale."""

    max_fraction_above_plausible: float = 0.05
    """Metal implants fill far less than 5 % of a chest; more means a wrong rescale."""

    max_voxels: int = 800_000_000
    """1.6 GB as 16-bit: more than 700 slices of 1024 × 1024. A larger claim is refused before any decoding."""

    max_archive_bytes: int = 20_000_000_000
    """The sum of all unpacked members of an archive: a study of ten large series. Members are read one by one."""

    max_archive_ratio: float = 100.0
    """Unpacked to packed size, judged above `archive_ratio_from_bytes`: noise limits real CT to a factor of 10."""

    archive_ratio_from_bytes: int = 64_000_000
    """Below this an archive cannot do harm, whatever its ratio (empty phantoms compress by more than 100)."""

    max_archive_members: int = 100_000
    """Thirty times the slices of a large study; more is made to exhaust the reader."""


@dataclass(frozen=True, slots=True)
class LungPolicy:
    """How lungs are told from the rest."""

    working_spacing_mm: float = 2.0
    """Side of the blocks of the reduced copy: half the thinnest structure that matters there, the airway wall."""

    air_threshold_range_hu: tuple[float, float] = (-600.0, -350.0)
    """Bounds of the adaptive threshold, which is near −450 HU in healthy chests (Hu et al., IEEE TMI 2001)."""

    tissue_hu: float = -200.0
    """Fat is above −150 HU, so the whole patient but the lungs is above this; mattress and clothes are below."""

    bone_hu: float = 200.0
    """Vertebrae are above it, vessels without contrast and muscle are not; used only to find the spine."""

    min_enclosed_fraction: float = 0.5
    """Air that has the patient on two opposite sides in less than half of its voxels lies outside the patient."""

    tracheal_gas_hu: float = -800.0
    """The lumen of the windpipe is near −960 HU on the reduced copy; partial volume of its rim is above −800 HU."""

    tracheal_area_mm2: tuple[float, float] = (50.0, 800.0)
    """8 to 32 mm across: adult windpipes are 10 to 27 mm wide (Breatnach et al., AJR 1984)."""

    min_trachea_mm: float = 25.0
    """A shorter stack of round gas is a bowel loop or a bulla; the windpipe in a chest CT is 60 mm or longer."""

    airway_thresholds_hu: tuple[float, ...] = (-960.0, -945.0, -930.0, -915.0, -900.0, -880.0)
    """Tried from dark to bright until the airway leaks into the lungs, whose parenchyma is near −860 HU."""

    max_airway_ml: float = 120.0
    """Windpipe and bronchi down to the segments hold about 50 to 100 ml; more is a leak."""

    main_airway_radius_mm: float = 3.0
    """Lumens wider than 6 mm on the reduced copy are windpipe, main and lobar bronchi; they are cut out."""

    airway_wall_mm: float = 2.1
    """Wall of windpipe and main bronchi, 1 to 3 mm: one voxel of the reduced copy."""

    gas_hu: float = -930.0
    """A space with a darker core is gas: bowel is at −950 to −1000 HU, healthy lung at −800 to −885 HU (measured)."""

    emphysema_hu: float = -975.0
    """The same limit for spaces larger than `max_bowel_ml`: severe emphysema is near −950 HU, free air near −1000."""

    max_bowel_ml: float = 600.0
    """A larger space in one piece is lung, or a stomach so blown up that the absence of vessels gives it away."""

    min_component_ml: float = 12.0
    """Parts of a lung that are cut off and smaller than a 28 mm ball are left out."""

    min_lungs_ml: float = 150.0
    """A tenth of one adult lung; less is a neck or an abdomen that shows a recess at best."""

    vessel_contrast_hu: float = 150.0
    """Vessels of 2 mm and more stand out by this much on the reduced copy."""

    min_vessel_fraction: float = 0.004
    """Vessels fill 5 to 10 % of a lung; foam, phantoms and gas have none."""

    fill_radius_mm: float = 10.0
    """Radius of the ball that closes the lungs: nodules on the pleura of up to 20 mm are bridged, the hilum is not."""

    costal_radius_mm: float = 22.0
    """Radius of the disc that closes along the chest wall, where no organ bulges in: masses of up to 44 mm."""

    costal_depth_mm: float = 22.0
    """How far from the outline of both lungs the chest wall counts as such: the depth of the same masses."""

    midline_band_mm: float = 30.0
    """Half the width of spine and breast bone: no closing along the chest wall, and lungs may cross it here."""

    unequal_lungs_ratio: float = 0.5
    """The left lung has 0.8 to 0.95 of the volume of the right; less than half of it asks for an explanation."""

    dense_fraction: float = 0.25
    """A healthy lung has 5 to 12 % of voxels denser than the air threshold; twice that is consolidation or a mass."""


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
    """How nodules are delineated and described."""

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
    min_lung_voxels: int = 100
    min_contrast_hu: float = 100.0
    """Fainter candidates have no measurable border: ground glass differs from lung by at least about 100 HU."""
    level_steps: int = 2
    """Threshold, measure the tissue inside, threshold again."""
    rim_depth_mm: float = 3.0
    """Depth to which the tissue sets the border: deeper, a centre may be denser."""
    min_rim_voxels: int = 12
    """Fewer voxels of a shell would be noise."""
    blurs_mm: tuple[float, ...] = (0.35, 0.5, 0.65)
    usual_blur_mm: float = 0.5
    """Standard deviations of the in-plane blur of lung to soft-tissue kernels (half of the contrast passes at 2.5 to 7
    line pairs per cm), and the usual one."""
    surely_solid_hu: float = -150.0
    usual_solid_hu: float = 30.0
    usual_solid_voxels: float = 40.0
    """Solid nodules are of soft tissue: said as loudly as this many source voxels, so that only the smallest listen."""
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
    rim_outside_voxels: float = 2.0
    """How far outside a region the image is compared with the blurred region."""
    halo_voxels: tuple[float, float] = (1.5, 3.0)
    halo_contrast_hu: float = 130.0
    """A shell of this distance (source voxels, outside the blur) whose median is so far from both lung and nodule is
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
    border_voxels: float = 1.2
    """Half-width of the blurred border in source voxels: slice profile and interpolation reach about one voxel."""
    border_blurs: float = 2.5
    """The same in standard deviations of the in-plane blur, where that is wider."""
    border_reach_voxels: float = 3.5
    """What lies farther from a nodule has nothing to do with its border."""
    border_fill_range: tuple[float, float] = (-0.3, 1.3)
    """Noise is symmetric, so the filling of border voxels may pass 0 and 1; bones and vessels must not count more."""
    other_tissue_voxels: float = 0.6
    """Dense voxels farther than this outside belong to something else; nearer, the smoothing rounded them off."""

    interior_voxels: float = 1.0
    """Depth in source voxels from which attenuation is free of the border's blur."""
    min_interior_voxels: int = 8
    """Fewer source voxels than this do not tell a composition; then the deepest voxels must do."""
    thin_core_quantile: float = 0.75
    solid_from_hu: float = -300.0
    """Solid component from here (between ground glass, below -300 HU, and soft tissue; -300 HU is the usual cut)."""
    solid_share: float = 0.7
    part_solid_share: float = 0.08
    """Shares of solid voxels that make a nodule solid or part-solid; below, vessels in ground glass explain them."""
    least_filled_core: float = 0.5
    """A solid part whose border, by attenuation, fills less of it than this is too thin to tell: its voxels count."""
    min_solid_voxels: int = 4
    """A solid component of fewer source voxels cannot be measured."""
    calcified_from_hu: float = 200.0
    """Calcium on non-enhanced CT (Siegelman 1986 and later practice: 200 HU)."""
    calcified_share: float = 0.1
    """A part of the cross-section that reads as calcified (Siegelman 1986: at least 10 %)."""
    fat_range_hu: tuple[float, float] = (-150.0, -40.0)
    """Fat (Siegelman 1986, hamartoma: -40 to -120 HU, with margin for noise)."""
    fat_share: float = 0.5
    fat_depth_voxels: float = 1.5
    """Fat is told three slices from border to border at least: nearer, blurred soft tissue looks the same."""

    outlined_from: float = 0.5
    """A network's outline: voxels that are more probably nodule than not."""
    min_certainty: float = 0.7
    """A network's outline is taken from this expected overlap (Dice) on. On left-out patients 0.8 to 0.85 expected was
    0.78 in truth, and of the five outlines below 0.75 three overlapped by less than 0.3 (docs/characterization.md)."""
    believable_diameters: tuple[float, float] = (0.4, 2.5)
    """An outline whose diameter is so many times the candidate's is that of something else."""
    snapping_voxels: tuple[float, float] = (1.5, 0.8)
    """How far, in source voxels, the attenuation may move a network's outline inward and outward: readers draw about
    half a pixel outside the half-way border."""

    interval_least: float = 0.02
    """Half-width of the 95 % interval of the log volume at least: with it the interval holds 96 % of the true volumes
    of digital nodules (docs/measurement.md). Vessels and ragged borders add to it, nobody has measured how much."""
    interval_per_slice: float = 0.21
    interval_per_noise: float = 9.5
    """The half-width: by the squared ratio of slice to diameter, and by noise over contrast times voxel edge over
    diameter. Fitted to repeats of digital nodules (models/training/measuring.py, docs/measurement.md)."""
    interval_clipped_factor: float = 2.0
    """Where most of the border was cut, twice as wide: an assumption, as digital nodules are seldom clipped."""
    interval_ball: float = 0.55
    """Log volume of a candidate's ball: three times the log of 1.2, as a detector's diameters are off by a fifth."""

    same_nodule_overlap: float = 0.5
    """Masks that share more of the smaller one are one lesion."""


@dataclass(frozen=True, slots=True)
class FissurePrior:
    """Where a fissure is expected, as a plane across the box around its lung."""

    front: float
    back: float
    """Height where the plane leaves the box in front and behind, as part of the lung's height from its lowest point."""
    min_alignment: float
    """Cosine of the greatest angle between the normals of plane and plate: fissures bend, vessels run across."""
    search_mm: tuple[float, float, float]
    """Standard deviation of the plane's height, and of its tilt along and across, in mm at the edge of the lung."""


@dataclass(frozen=True, slots=True)
class LobePolicy:
    """How fissures are found and lobes told.

    The method is that of Wiemker et al. (CARS 2005) and van Rikxoort et al. (IEEE TMI 2008), plates by the Hessian,
    with a surface fitted through them. Its numbers were set by eye on the eight shared scans (1.25 to 3 mm slices).
    """

    right_oblique: FissurePrior = FissurePrior(0.04, 0.76, 0.72, (12.0, 10.0, 8.0))
    left_oblique: FissurePrior = FissurePrior(-0.10, 0.95, 0.72, (12.0, 10.0, 8.0))
    horizontal: FissurePrior = FissurePrior(0.52, 0.54, 0.8, (12.0, 6.0, 8.0))
    """Means of the surfaces found in those scans, where seven in ten lay within 0.03 to 0.10 of them."""

    grid_mm: float = 1.5
    """Blocks: a fissure is seen as a band of 2 to 5 mm, and the filter needs three blocks across."""
    plate_sigma_mm: float = 1.6
    """Smoothing before the second derivatives: half the width of that band. At 2.6 mm vessels join into plates."""
    rim_mm: float = 3.0
    """Plates this near to the outline are the pleura's blur."""
    vessel_hu: float = -650.0
    """Blocks from here on, and their neighbours, hold a vessel or a nodule; fissures are blurred to -850 to -700 HU."""
    brightest_hu: float = -550.0
    """Brighter blocks are lowered to this before the smoothing: the shadow of a vessel must not reach far."""
    plate_range_hu: tuple[float, float] = (-960.0, -600.0)
    """A smoothed fissure lies between emphysema and ground glass."""
    plate_contrast_hu: float = 60.0
    """A plate that stands out by this much counts in full; fissures in 3 mm slices stand out by about 40 HU."""
    min_plate_strength: float = 0.05
    """Weaker ones are noise: measured, half of the parenchyma is below."""
    piece_mm3: tuple[float, float] = (60.0, 2000.0)
    """Connected plates smaller than the first are vessels and noise; from the second on they count in full."""

    reach_mm: float = 50.0
    """Plates further from the plane are not looked at: four standard deviations."""
    search_width_mm: tuple[float, float] = (6.0, 4.0)
    """How near a plate helps, and a vessel harms, a plane that is tried: vessels end before a fissure."""
    vessel_weight: float = 0.1
    prior_weight: float = 0.004
    """Worth of a vessel's block beside that of a plate's, and of one standard deviation squared from the prior."""
    fit_widths_mm: tuple[float, ...] = (10.0, 8.0, 6.0, 4.0, 3.0)
    """Tukey's biweight of the fit, narrowed step by step; a fissure's plates are 3 mm thick."""
    stiffness_mm: tuple[float, ...] = (14.0, 12.0, 12.0, 10.0)
    """Standard deviation of the coefficients by degree, in mm at the edge of the lung: smooth where nothing is seen."""
    least_below_oblique_mm: float = 5.0
    """The horizontal fissure is looked for further in front of the oblique one than its own band."""

    cell_mm: float = 10.0
    cell_thickness_mm: float = 0.4
    """A piece of the surface is seen when its plates, laid flat, are so thick; true fissures have 1 to 3 mm."""
    min_seen: float = 0.08
    min_seen_ratio: float = 1.5
    beside_mm: tuple[float, ...] = (-14.0, -9.0, 9.0, 14.0)
    """A surface is a fissure when this part of it is seen, and so many times more than of its copies beside it."""
    seen_error_mm: float = 2.0
    error_per_mm: float = 0.2
    unseen_error_mm: float = 12.0
    """Standard deviation of the surface where it is seen, its growth with the distance from there, and its bound, that
    of the prior: the spread of the fissures between the scans."""
    local_mm: float = 15.0
    local_weight_mm: float = 0.6
    """The surface is moved onto plates within this distance of a nodule when they are thick enough together."""

    max_cut: float = 0.25
    """A lung that ends at the image's border with a larger part of its greatest section is cut: no lobes are told."""
    min_confidence: float = 0.85
    """With less no lobe is named: one in seven would be wrong."""
    fissure_known_mm: float = 4.0
    """Where the surface is less certain than this, the distance to a fissure is not given."""

    hilum_mm: float = 8.0
    """The outline this near to air of the main bronchi is hilum, not pleura: walls, vessels and nodes are between."""
    hilum_half_width_mm: float = 60.0
    hilum_from_height: float = 0.35
    """Bronchi lie this near to the middle and in this upper part of the lungs; stomach and bowel do not."""
    bronchial_air_hu: float = -700.0
    """The lumen of a main bronchus, with its blurred rim."""


@dataclass(frozen=True, slots=True)
class AttributePolicy:
    """Signs of a nodule from its attenuation, its shape and a network's ratings, as probabilities."""

    calcium_hu: tuple[float, float, float] = (200.0, 300.0, 300.0)
    """Calcium without contrast (Siegelman 1986 and later practice: 200 HU), when the header does not say, and with
    contrast, which lifts nodules by up to 100 HU over soft tissue and vessels to 300 HU."""
    bone_margin_mm: float = 6.0
    own_share: float = 0.5
    """What is as dense as calcium and, looked at so far around, has less than this part of it in the nodule is bone."""
    calcium_width_hu: float = 30.0
    """Logistic width: the noise of a few voxels' mean and what different kernels make of it."""
    densest_share: float = 0.1
    densest_voxels: int = 2
    """The mean of the densest tenth (Siegelman 1986: calcium in 10 % of the section), at least of so many voxels."""
    pattern_from: float = 0.5
    min_interior_voxels: int = 5
    """From this probability on a pattern is named, and only where so many voxels lie behind the border."""
    diffuse_share: float = 0.7
    small_share: float = 0.1
    """Calcium in so much of the interior is diffuse; in less than the second it is punctate."""
    enclosed_share: float = 0.1
    """A ring: so much of what the calcium encloses in a slice is not calcified."""
    popcorn_pieces: int = 3
    piece_voxels: int = 2
    """Popcorn: so many separate clumps of so many voxels."""
    central_offset: float = 0.35
    """Central: the calcium's centroid is within this part of the radius from the nodule's, and the rim is free."""
    rim_share: float = 0.1

    fat_hu: tuple[float, float] = (-120.0, -40.0)
    """Intranodular fat (Siegelman 1986, hamartoma: -40 to -120 HU)."""
    fat_depth_voxels: float = 1.5
    tissue_hu: float = -200.0
    """Nearer than this to the border, or to voxels below this, blurred soft tissue has the same attenuation."""
    fat_half_mm3: float = 15.0
    """So much contiguous fat, without sheets of a voxel, which blur makes, has a probability of one half."""
    air_share: float = 0.5
    """Air: darker than half-way from the nodule's tissue to air (-1000 HU), where the blurred wall ends."""
    air_depth_voxels: float = 1.0
    """A cavity does not reach the outermost voxels."""
    cavity_half_mm3: float = 20.0
    """So much enclosed air has a probability of one half; a bronchiole of 2 mm across 5 mm holds 16 mm³."""

    touch_mm: tuple[float, float] = (1.5, 2.5)
    """Nearer than this to the pleura (a voxel) or to a fissure (the error of its surface) is touching."""
    touch_width_mm: float = 0.5
    convexity: float = 0.85
    convexity_width: float = 0.03
    """Oval, lentiform and triangular shapes fill their convex hull; pixels cost a small nodule a tenth."""
    perifissural_below_mm: float = 10.0
    """Mean diameter (Lung-RADS v2022: juxtapleural nodules below 10 mm)."""

    spiculation: tuple[float, float] = (2.58, 0.32)
    lobulation: tuple[float, float] = (2.66, 0.34)
    ill_defined_margin: tuple[float, float] = (3.16, -0.36)
    """Middle and width of the logistic of a predicted mean rating of 1 to 5: the probability that the readers' mean is
    3 or more, for the margin below 3. Fitted on the nodules of the card of the rating networks, each read by a member
    that never saw its patient."""

    yes_from: float = 0.6
    no_up_to: float = 0.25
    """A sign is present or absent from these probabilities on, and unknown between them."""
    benign_from: float = 0.8
    """A benign pattern takes a nodule out of follow-up, so it must be more certain than other signs."""


@dataclass(frozen=True, slots=True)
class Brock2bPolicy:
    """Coefficients of the Brock (PanCan) model 2b, the full model with spiculation."""

    version: str = "2b (full, with spiculation)"
    """McWilliams et al., N Engl J Med 2013; coefficients as printed in table 2 of PMC6717521, where the uncentred
    constant 0.2761 confirms the centring (0.27607)."""
    constant: float = -6.7892
    per_year: float = 0.0287
    female: float = 0.6011
    family_history_lung_cancer: float = 0.2961
    emphysema: float = 0.2953
    size: float = -5.3854
    part_solid: float = 0.377
    ground_glass: float = -0.1276
    upper_lobe: float = 0.6581
    per_nodule: float = -0.0824
    spiculated: float | None = 0.7729
    """Log odds; solid is the reference. `size` multiplies (d / 10 mm) ^ -0.5 less its centre."""
    centre_age_years: float = 62.0
    centre_nodule_count: float = 4.0
    """Subtracted from the age and from the number of nodules of the examination."""
    size_exponent: float = -0.5
    centre_size: float = 1.58113883
    """(4 mm / 10 mm) ^ -0.5: the centring of the size. Nothing is subtracted from the diameter itself."""


@dataclass(frozen=True, slots=True)
class Brock2aPolicy(Brock2bPolicy):
    """Coefficients of the Brock model 2a, without spiculation; centring as in 2b."""

    version: str = "2a (full, without spiculation)"
    """McWilliams et al., N Engl J Med 2013; coefficients as given at medicalalgorithms.com, whose advice to subtract
    4 mm from the diameter is wrong."""
    constant: float = -6.8071
    per_year: float = 0.0321
    female: float = 0.5635
    family_history_lung_cancer: float = 0.3013
    emphysema: float = 0.3462
    size: float = -5.6693
    part_solid: float = 0.3395
    ground_glass: float = -0.3055
    upper_lobe: float = 0.7116
    per_nodule: float = -0.0803
    spiculated: float | None = None
    """Log odds; None: not part of the model."""


@dataclass(frozen=True, slots=True)
class MayoPolicy:
    """Coefficients of the Mayo Clinic model."""

    version: str = "1997"
    """Swensen et al., Arch Intern Med 1997. PMC6717521 prints the constant as -6.872 and oncotoolkit as -6.8238:
    both are misprints."""
    constant: float = -6.8272
    per_year: float = 0.0391
    ever_smoker: float = 0.7917
    extrathoracic_cancer: float = 1.3388
    per_mm: float = 0.1274
    spiculated: float = 1.0407
    upper_lobe: float = 0.7838
    """Log odds. `extrathoracic_cancer`: diagnosed more than five years ago."""
    low_below: float = 0.05
    high_above: float = 0.65
    """Low, intermediate and high probability: below 5 %, 5 to 65 %, above 65 % (ACCP 2013 and Chinese consensus)."""


@dataclass(frozen=True, slots=True)
class HerderPolicy:
    """Coefficients of the Herder model, which adds FDG uptake to the Mayo probability."""

    version: str = "2005 [unverified]"
    """Herder et al., Chest 2005. [unverified]: the coefficients were not read in the source."""
    constant: float = -4.739
    mayo_probability: float = 3.691
    uptake: tuple[tuple[str, float], ...] = (("none", 0.0), ("faint", 2.322), ("moderate", 4.617), ("intense", 4.771))
    """Log odds by the uptake on PET, against the mediastinal blood pool. [unverified]"""


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """How the malignancy models are applied."""

    brock: Brock2bPolicy = Brock2bPolicy()
    brock_without_spiculation: Brock2aPolicy = Brock2aPolicy()
    mayo: MayoPolicy = MayoPolicy()
    herder: HerderPolicy = HerderPolicy()
    """The published models."""
    diameter: Literal["long", "mean"] = "long"
    """"long" or "mean". PanCan measured the largest diameter on CT, and Mayo one diameter. [unverified]"""
    lingula_is_upper_lobe: bool = True
    """Whether the lingula counts as upper lobe; the publications do not say. [unverified]"""
    unknown_age_range_years: tuple[float, float] = (18.0, 100.0)
    """The range over which an unknown age is varied: any adult."""


@dataclass(frozen=True, slots=True)
class GrowthPolicy:
    """Change of volume between two examinations."""

    significant_percent: float = 25.0
    """A change of volume of less than 25 % is within the error of measurement (BTS 2015; NELSON)."""


@dataclass(frozen=True, slots=True)
class MatchingPolicy:
    """When nodules of two examinations are the same. Engineering limits, not of a guideline."""

    reach_mm: float = 6.0
    reach_of_diameter: float = 0.5
    """Two places farther apart than 6 mm and half of the larger diameter are two nodules: the error of registration is
    1 to 2 mm, with single places of 5 mm, and the centre of a nodule that grows to one side moves."""
    doubled_volume_cost: float = 0.02
    """What each doubling of the volume costs, against 1 for the whole reach: nodules do grow, and place decides."""
    composition_cost: float = 0.1
    solidity_cost: float = 0.03
    """Another composition; between solid, part-solid and ground glass, which change into each other, less."""
    lobe_cost: float = 0.2
    """Another lobe, which is told with some error near a fissure."""
    unmatched_cost: float = 0.65
    """What a nodule costs that is left alone: a pair is made when it costs less than both of its nodules alone."""


@dataclass(frozen=True, slots=True)
class FollowUpPolicy:
    """Comparison with earlier examinations. Engineering limits, not of a guideline."""

    again_min_score: float = 0.02
    """A nodule of one examination is searched for again in the other, at its place: there the detector's marks count
    from this score on. A scan has about ten of them in litres of lung, and the place is a few millilitres
    (docs/followup.md)."""
    again_context_mm: float = 50.0
    """How much lung about a place the detector is given when it is run for that place alone: with the margin of 14 mm
    it sees as much as its answer depends on."""
    again_volume_ratios: tuple[float, float] = (0.02, 50.0)
    """Where a faint mark is, a nodule of so many times the other's volume is still taken for the same: a factor of 50
    in a year is a doubling time of 65 days."""
    blind_volume_ratios: tuple[float, float] = (0.25, 4.0)
    blind_min_sphericity: float = 0.85
    blind_reach_mm: float = 3.0
    """Where not even a faint mark is, what is outlined at the place must be alike and compact, and lie where the
    registration puts it: else any vessel would do for a nodule (docs/followup.md)."""
    least_similarity: float = 0.15
    least_overlap: float = 0.5
    least_seen: float = 0.1
    """Scans with less correlation of brightness in the lungs, with less of the lungs on the other's lungs or with less
    of them in the other's field of view are not compared: places would be guesses."""
    most_residual_mm: float = 3.0
    """The same for a deformable registration that leaves vessels farther apart than this: two pairs of scans of
    different patients were left 3.2 and 4.1 mm apart, a follow-up pair of one patient 1.6 mm (docs/followup.md)."""
    alike_min_certainty: float = 0.5
    """Where a network outlined a nodule in one examination and not in the other, both are taken by outlines of at least
    this expected overlap, else both by attenuation: the same way twice matters more than the better way once."""
    rough_reach_mm: float = 15.0
    """Reach of matching after an affine registration, which leaves errors of 5 to 15 mm."""


@dataclass(frozen=True, slots=True)
class LungRadsPolicy:
    """ACR Lung-RADS v2022 (Christensen et al., Chest 2024; RadElement RDES267)."""

    edition: str = "v2022"
    """Named in every recommendation."""
    measure: Literal["diameter", "volume"] = "diameter"
    """"diameter" (mean of both axes) or "volume": which of the two sizes of the table decides. The table leads with
    diameters, and the volumes are those of spheres."""
    axis_decimals: int = 1
    mean_decimals: int = 1
    volume_decimals: int = 0
    """Axes and mean diameter to one decimal, volume to the whole mm³ (v2022 note on size). Halves are rounded up."""
    solid_baseline_mm: tuple[float, float, float] = (6.0, 8.0, 15.0)
    solid_new_mm: tuple[float, float, float] = (4.0, 6.0, 8.0)
    solid_growing_mm: float = 8.0
    part_solid_total_mm: float = 6.0
    part_solid_component_baseline_mm: tuple[float, float] = (6.0, 8.0)
    part_solid_component_new_or_growing_mm: float = 4.0
    ground_glass_mm: float = 30.0
    juxtapleural_below_mm: float = 10.0
    """Limits of the table; a size at a limit belongs to the row above it."""
    sphere_volumes_mm3: tuple[tuple[float, float], ...] = (
        (4.0, 34.0),
        (6.0, 113.0),
        (8.0, 268.0),
        (10.0, 524.0),
        (15.0, 1767.0),
        (30.0, 14137.0),
    )
    """The volume that the table gives for each limit: the sphere's, to the whole mm³."""
    growth_above_mm: float = 1.5
    """Growth is an increase of the mean diameter by more than this within 12 months. The "(>2 mm³)" of the text is the
    volume of a sphere of 1.5 mm and never a limit for a change of volume."""
    long_interval_growth: Literal["annualised", "total"] = "annualised"
    """"annualised" or "total". The text is silent on intervals of more than 12 months: with "annualised", an increase
    of more than 1.5 mm in all and of more than 1.5 mm a year is growth, and one of no more than 1.5 mm a year is slow
    growth; with "total", either is growth."""
    slow_solid_growth: str = "4B"
    """Slow growth of a solid or part-solid nodule over several examinations (note 8, [unverified] wording)."""
    growing_large_ground_glass: str = "3"
    """Ground glass of 30 mm or more that grows is not in the table; the category of its first sight is kept."""
    part_solid_growing_in_total_least: str = "3"
    """A part-solid nodule that grows while its solid component does not is not in the table: the rows of a first sight,
    and at least this category."""
    growing_subsegmental_airway: str = "4B"
    """A growing subsegmental airway nodule is not in the table: as a growing one further up."""
    doubling_factor: float = 2.0
    """Ground glass that doubles its mean diameter within 12 months is a suspicious feature (category 4X)."""
    months_3_days: float = 89.0
    months_6_days: float = 181.0
    months_12_days: float = 366.0
    days_per_year: float = 365.0
    """The shortest three and six calendar months, from which stepped management counts; the longest twelve, within
    which growth counts."""
    infectious_new_nodules_above: int = 6
    """More new nodules than this suggest infection (note 10a)."""
    infectious_new_solid_mm: float = 8.0
    """A new solid nodule of this size within a short interval may be infection (note 10a)."""
    suspicious_from: str = "3"
    """Additional suspicious features make 4X from this category on, and 4X is a category of its own."""
    rows: tuple[tuple[str, str], ...] = (
        ("1", "12-month screening LDCT"),
        ("2", "12-month screening LDCT"),
        ("3", "6-month LDCT"),
        ("4A", "3-month LDCT; PET/CT may be considered if there is a solid nodule or solid component of 8 mm or more"),
        (
            "4B",
            "Referral for further clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if there "
            "is a solid nodule or solid component of 8 mm or more, tissue sampling",
        ),
        (
            "4X",
            "Referral for further clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if there "
            "is a solid nodule or solid component of 8 mm or more, tissue sampling",
        ),
    )
    """Categories from least to most suspicious, with their management, counted from the current examination."""
    prior_awaited: str = "Comparison with the prior chest CT before a category is assigned"
    not_evaluable: str = "Additional lung cancer screening CT images"
    infection: str = "1- to 3-month LDCT"
    """Management of category 0 by its reason."""
    other_finding: str = "S: as appropriate to the other finding"
    """Management of the modifier S."""


@dataclass(frozen=True, slots=True)
class FleischnerPolicy:
    """Fleischner Society 2017 (MacMahon et al., Radiology 2017), incidental nodules."""

    edition: str = "2017"
    """Named in every recommendation."""
    min_age_years: float = 35.0
    """Not for patients younger than this, with a known primary cancer or with immunosuppression, nor for screening."""
    mean_decimals: int = 0
    """The mean of both axes to the whole mm, halves up. [unverified] in the source; table 1 of a comparison of
    Fleischner and BTS in Thorax says the same ("5.5 mm or greater would be rounded up to 6 mm")."""
    solid_mm: tuple[float, float] = (6.0, 8.0)
    """Below 6 mm, 6 to 8 mm, above 8 mm: 6.0 and 8.0 both belong to the middle."""
    subsolid_mm: float = 6.0
    component_mm: float = 6.0
    """From 6 mm on: ground glass and part-solid nodules are followed, and a solid component is suspicious."""
    typical_perifissural_below_mm: float = 10.0
    """Typical perifissural nodules need no follow-up; the limit of BTS and Lung-RADS. [unverified]"""
    growth_from_mm: float = 2.0
    """Growth is an increase by 2 mm or more, taken before rounding to the whole mm, which would make or hide it."""
    rows: tuple[tuple[str, str, str], ...] = (
        ("no nodule", "No follow-up", "No follow-up"),
        ("benign", "No follow-up", "No follow-up"),
        ("single ground-glass <6 mm", "No routine follow-up", "No routine follow-up"),
        ("single part-solid <6 mm", "No routine follow-up", "No routine follow-up"),
        ("single solid <6 mm", "No routine follow-up", "Optional CT at 12 months"),
        ("multiple solid <6 mm", "No routine follow-up", "Optional CT at 12 months"),
        (
            "single ground-glass 6 mm or more",
            "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years",
            "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years",
        ),
        (
            "single solid 6–8 mm",
            "CT at 6–12 months, then consider CT at 18–24 months",
            "CT at 6–12 months, then CT at 18–24 months",
        ),
        (
            "multiple subsolid <6 mm",
            "CT at 3–6 months; if stable, consider CT at 2 and 4 years",
            "CT at 3–6 months; if stable, consider CT at 2 and 4 years",
        ),
        (
            "multiple solid 6–8 mm",
            "CT at 3–6 months, then consider CT at 18–24 months",
            "CT at 3–6 months, then CT at 18–24 months",
        ),
        (
            "multiple solid >8 mm",
            "CT at 3–6 months, then consider CT at 18–24 months",
            "CT at 3–6 months, then CT at 18–24 months",
        ),
        (
            "single part-solid 6 mm or more, persistent, solid component <6 mm",
            "Annual CT for 5 years",
            "Annual CT for 5 years",
        ),
        (
            "single part-solid 6 mm or more",
            "CT at 3–6 months to confirm persistence; if unchanged and the solid component is <6 mm, annual CT for "
            "5 years",
            "CT at 3–6 months to confirm persistence; if unchanged and the solid component is <6 mm, annual CT for "
            "5 years",
        ),
        (
            "multiple subsolid 6 mm or more",
            "CT at 3–6 months, then by the most suspicious nodule",
            "CT at 3–6 months, then by the most suspicious nodule",
        ),
        (
            "single solid >8 mm",
            "Consider CT at 3 months, PET/CT or tissue sampling",
            "Consider CT at 3 months, PET/CT or tissue sampling",
        ),
        (
            "solid, growing",
            "Consider PET/CT or tissue sampling [unverified]",
            "Consider PET/CT or tissue sampling [unverified]",
        ),
        ("ground-glass, growing", "Consider resection [unverified]", "Consider resection [unverified]"),
        (
            "part-solid, solid component 6 mm or more, or growing",
            "PET/CT, biopsy or resection",
            "PET/CT, biopsy or resection",
        ),
    )
    """Rows from least to most demanding, with the management at low and at high risk. The two rows of growing solid and
    ground-glass nodules are [unverified]."""


@dataclass(frozen=True, slots=True)
class BtsPolicy:
    """British Thoracic Society 2015 (Callister et al., Thorax 2015), incidental and screening nodules."""

    edition: str = "2015"
    """Named in every recommendation."""
    measure: Literal["diameter", "volume"] = "volume"
    """"volume" or "diameter": volumetry decides where there is any (BTS prefers it), else the largest diameter."""
    min_age_years: float = 18.0
    """For adults."""
    typical_perifissural_below_mm: float = 10.0
    """Typical perifissural and subpleural nodules below this are discharged. [unverified]"""
    solid_mm3: tuple[float, float] = (80.0, 300.0)
    solid_mm: tuple[float, float, float] = (5.0, 6.0, 8.0)
    subsolid_mm: float = 5.0
    """Largest diameter, or volume; a size at a limit belongs above it."""
    brock_from: float = 0.1
    """Probability of the full Brock model from which PET-CT follows, and biopsy or resection of subsolid nodules."""
    herder: tuple[float, float] = (0.1, 0.7)
    """Below 10 % surveillance, 10 to 70 % biopsy, above 70 % resection. [unverified]"""
    doubling_time_days: tuple[float, float] = (400.0, 600.0)
    """Up to 400 days work-up; 400 to 600 days biopsy or further CT; above 600 days discharge or annual CT
    ([unverified] from 400 days on)."""
    subsolid_growth_from_mm: float = 2.0
    """Growth of a subsolid nodule."""
    months_12_days: float = 335.0
    months_24_days: float = 700.0
    """When a surveillance CT counts as the one at 12 or 24 months: a month early is on time (lungcad's own choice)."""
    rows: tuple[tuple[str, str], ...] = (
        ("no nodule", "No follow-up"),
        ("discharge", "Discharge: no follow-up"),
        ("new and small", "CT follow-up is merited if it is definitely new since a CT of the last 1–2 years"),
        ("VDT >600 days", "Discharge (if by volumetry) or annual CT [unverified]"),
        ("CT at 24 months", "CT at 24 months"),
        ("CT at 12 months", "CT at 12 months"),
        ("CT at 3 months", "CT at 3 months; if stable or VDT >400 days, CT at 12 months"),
        ("Brock <10 %", "CT surveillance: CT at 3 months; if stable or VDT >400 days, CT at 12 months"),
        ("subsolid, Brock <10 %", "CT at 1, 2 and 4 years from baseline"),
        ("VDT 400–600 days", "Biopsy or further CT, by preference [unverified]"),
        ("Herder <10 %", "CT surveillance [unverified]"),
        ("Brock 10 % or more", "PET-CT, then the Herder model"),
        ("Herder 10–70 %", "Image-guided biopsy; excision or CT surveillance by risk and preference [unverified]"),
        ("subsolid, Brock 10 % or more or concerning", "Observation, biopsy or resection by risk and preference"),
        ("VDT 400 days or less", "Further work-up: biopsy, resection or treatment"),
        ("Herder >70 %", "Resection or other treatment [unverified]"),
        ("subsolid, growing or altered", "Resection or other treatment favoured"),
    )
    """Outcomes from least to most demanding."""


@dataclass(frozen=True, slots=True)
class CLungRadsPolicy:
    """C-Lung-RADS 2024 (Nat Med 2024, PMC11564084, table 1), screening and check-ups in China."""

    edition: str = "2024"
    """Named in every recommendation."""
    mean_decimals: int = 1
    """Mean of both axes; the table gives no rounding, so one decimal as in Lung-RADS."""
    smallest_mm: float = 6.0
    solid_mm: tuple[float, float] = (10.0, 18.0)
    component_mm: tuple[float, float] = (6.0, 10.0)
    ground_glass_mm: float = 20.0
    """Limits of the table; a size at a limit belongs to the category above it."""
    model_from: float = 0.5
    """Probability of the publication's own multidimensional model from which categories 2 and 3 become 4."""
    rows: tuple[tuple[str, str], ...] = (
        ("0", "Annual screening LDCT in 12 months"),
        ("1", "Annual screening LDCT in 12 months"),
        ("2", "6-month CT"),
        ("3", "3-month CT; high-resolution CT or PET/CT may be considered"),
        (
            "4",
            "Immediate clinical assessment: diagnostic CT with or without contrast, PET/CT if there is a solid nodule "
            "or solid component of 8 mm or more, tissue sampling or referral",
        ),
    )
    """Categories from least to most suspicious."""


@dataclass(frozen=True, slots=True)
class NelsonPolicy:
    """NELSON trial protocol (de Koning et al., N Engl J Med 2020; J Thorac Dis 18049), solid nodules by volume."""

    edition: str = "trial protocol"
    """Named in every recommendation."""
    solid_mm3: tuple[float, float] = (50.0, 500.0)
    """Below 50 mm³ negative, 50 to 500 mm³ indeterminate, above 500 mm³ positive."""
    doubling_time_below_days: float = 400.0
    """Growth of 25 % or more with a doubling time below this is positive."""
    rows: tuple[tuple[str, str], ...] = (
        ("negative", "Next screening round"),
        ("indeterminate", "CT at 3 months for volume and doubling time"),
        ("positive", "Referral for work-up"),
    )
    """Results from least to most suspicious."""


@dataclass(frozen=True, slots=True)
class EuPositionPolicy:
    """European position statement on lung cancer screening (Oudkerk et al., Lancet Oncol 2017), solid by volume."""

    edition: str = "2017"
    """Named in every recommendation."""
    baseline_mm3: tuple[float, float] = (100.0, 300.0)
    new_mm3: tuple[float, float] = (30.0, 200.0)
    """Upper limits: above 300 mm³ at baseline and above 200 mm³ when new, multidisciplinary team [abstract]. The lower
    limits are [unverified]."""
    doubling_time_days: tuple[float, float] = (400.0, 600.0)
    """Below 400 days positive, 400 to 600 days indeterminate, above 600 days negative. [unverified]"""
    rows: tuple[tuple[str, str], ...] = (
        ("negative", "Next screening round [unverified]"),
        ("indeterminate", "CT at 3 months for volume and doubling time [unverified]"),
        ("positive", "Multidisciplinary team"),
    )
    """Results from least to most suspicious."""


@dataclass(frozen=True, slots=True)
class ChineseConsensusPolicy:
    """Chinese expert consensus on lung nodules. A draft: listed, and never the applicable guideline.

    [unverified]: solid nodules are from the 2018 edition, subsolid ones from an open implementation of the 2024
    edition, whose text is to be read before this may apply.
    """

    edition: str = "2018 and 2024, draft [unverified]"
    """Named in every recommendation."""
    high_risk_from_years: float = 40.0
    high_risk_pack_years: float = 20.0
    high_risk_quit_within_years: float = 15.0
    """High risk: 40 years or older with one of: 20 pack-years (400 cigarettes a day × years) or more, or smoking that
    ended less than 15 years ago; occupational or environmental exposure; COPD, fibrosis or old tuberculosis; a cancer
    or a family history of lung cancer. From an open implementation of the 2018 edition."""
    solid_mm: tuple[float, float, float] = (4.0, 6.0, 8.0)
    ground_glass_mm: tuple[float, float] = (5.0, 10.0)
    part_solid_mm: float = 8.0
    """Upper limits: a size at a limit belongs below it. [unverified]"""
    probability: tuple[float, float] = (0.05, 0.65)
    """Solid nodules above 8 mm by the probability of cancer, here that of the Mayo model."""
    rows: tuple[tuple[str, str, str], ...] = (
        ("no nodule", "No follow-up", "No follow-up"),
        ("benign", "No follow-up", "No follow-up"),
        ("solid up to 4 mm", "Optional follow-up [unverified]", "CT at 12 months [unverified]"),
        (
            "ground-glass up to 5 mm",
            "CT at 6 months, then every year [unverified]",
            "CT at 6 months, then every year [unverified]",
        ),
        ("solid >4 to 6 mm", "CT at 12 months [unverified]", "CT at 6–12, then 18–24 months [unverified]"),
        (
            "solid >6 to 8 mm",
            "CT at 6–12, then 18–24 months [unverified]",
            "CT at 3–6, 9–12 and 24 months [unverified]",
        ),
        (
            "ground-glass >5 to 10 mm",
            "CT at 3 months, then 6 months [unverified]",
            "CT at 3 months, then 6 months [unverified]",
        ),
        (
            "part-solid up to 8 mm",
            "CT at 3, 6, 12 and 24 months, then every year [unverified]",
            "CT at 3, 6, 12 and 24 months, then every year [unverified]",
        ),
        ("solid >8 mm, probability <5 %", "CT surveillance [unverified]", "CT surveillance [unverified]"),
        (
            "ground-glass >10 mm",
            "CT at 3 months; if persistent, biopsy or surgery [unverified]",
            "CT at 3 months; if persistent, biopsy or surgery [unverified]",
        ),
        (
            "part-solid >8 mm",
            "CT at 3 months, then PET/CT, biopsy or surgery [unverified]",
            "CT at 3 months, then PET/CT, biopsy or surgery [unverified]",
        ),
        ("solid >8 mm, probability 5–65 %", "PET/CT or biopsy [unverified]", "PET/CT or biopsy [unverified]"),
        ("solid >8 mm, probability >65 %", "Surgery or biopsy [unverified]", "Surgery or biopsy [unverified]"),
    )
    """Rows from least to most demanding, with the management without and with high risk."""


@dataclass(frozen=True, slots=True)
class GuidelineChoicePolicy:
    """Which guideline applies in which context. A context that is not known chooses none."""

    screening: tuple[tuple[str, str], ...] = (
        ("usa", "lung_rads"),
        ("europe", "eu_position"),
        ("uk", "bts"),
        ("china", "c_lung_rads"),
        ("other", "lung_rads"),
    )
    """By region. BTS 2015 covers nodules found by screening; regions without a scheme of their own use Lung-RADS."""
    incidental: tuple[tuple[str, str], ...] = (
        ("usa", "fleischner"),
        ("europe", "fleischner"),
        ("uk", "bts"),
        ("china", "fleischner"),
        ("other", "fleischner"),
    )
    """By region. China: until the text of the 2024 consensus has been read, the international guideline."""
    region_not_given: str = "other"
    """The row that is used, and named, when no region is given."""


@dataclass(frozen=True, slots=True)
class GuidelinePolicy:
    """The guidelines of one installation."""

    choice: GuidelineChoicePolicy = GuidelineChoicePolicy()
    lung_rads: LungRadsPolicy = LungRadsPolicy()
    fleischner: FleischnerPolicy = FleischnerPolicy()
    bts: BtsPolicy = BtsPolicy()
    c_lung_rads: CLungRadsPolicy = CLungRadsPolicy()
    nelson: NelsonPolicy = NelsonPolicy()
    eu_position: EuPositionPolicy = EuPositionPolicy()
    chinese_consensus: ChineseConsensusPolicy = ChineseConsensusPolicy()
    """One record per guideline."""


@dataclass(frozen=True, slots=True)
class CalciumSuitabilityPolicy:
    """On which scans coronary calcium is scored, and what is said of it."""

    unenhanced_to_hu: float = 70.0
    """Blood up to here holds no contrast medium, whatever the header says: blood without it has 30 to 60 HU by its
    haematocrit, and 70 HU leaves 60 HU to the threshold of calcium."""
    enhanced_from_hu: float = 90.0
    """Blood from here on is enhanced, whatever the header says: no haematocrit reaches it. Between both values the
    header decides, and when it is silent nothing is scored. The eight real scans of docs/calcium.md have 37
    to 43 HU without and 136 HU or more with contrast medium."""
    noise_caveat_sd_hu: float = 23.0
    """The noise that calcium scans of large patients aim at, 20 HU in small ones (McCollough et al., Radiology 2007,
    [abstract] for the rule, [unverified] for the two values)."""
    noise_max_sd_hu: float = 35.0
    """In digital blood of 40 HU, noise of 35 HU alone gives 75 to 340 false lesions in 700 ml, of 23 HU at most three
    (docs/calcium.md): beyond this, calcium cannot be told from it even along the arteries alone."""
    metal_from_hu: float = 2300.0
    """Denser than calcium: the densest in the shared scans is a lymph node of 1923 HU, plaques stay below 1500 HU;
    clips, leads and valves reach the end of the scale, 3071 HU. Fine stents stay below, and are not told from
    calcium."""
    metal_min_mm3: float = 10.0
    """Four voxels of 0.8 × 0.8 × 3 mm: less may be a damaged pixel."""
    metal_margin_mm: float = 15.0
    """Metal in the heart gives no score; nearer than this to it, the wires of a sternotomy, a caveat."""
    min_coverage: float = 0.9
    """With less of the heart in view there is no score: what is missing may hold the only plaque (lungcad's choice)."""
    full_coverage: float = 0.98
    """Below, it is said that the score may be too low."""
    kvp: float = 120.0
    """The threshold of 130 HU and the weights belong to this tube voltage. At others the score is given with a caveat
    and not corrected: published corrections hold for one scanner each (147 HU at 100 kVp is one, [unverified])."""
    thickest_mm: float = 3.5
    """Thicker slices blur small plaques below the threshold; 3 mm slices may be written as 3.27 mm."""
    sharp_kernel_from: int = 60
    """Siemens names kernels by their sharpness (B31f, Br40, Qr36, Bl57): from 60 on they are for lung and bone."""
    sharp_kernels: tuple[str, ...] = ("BONE", "LUNG", "EDGE", "SHARP", "YA", "YB", "YC", "YD", "FC5", "FC8")
    """Beginnings of the names of sharp kernels of GE, Philips (YA to YD) and Canon (FC5x, FC8x). [unverified]"""


@dataclass(frozen=True, slots=True)
class CalciumPolicy:
    """How coronary calcium is scored (Agatston et al., JACC 1990, on non-gated scans) and what follows from it."""

    threshold_hu: float = 130.0
    """A voxel of at least this value is calcium; Agatston's paper and most readers say "130 or more"."""
    min_area_mm2: float = 1.0
    """A lesion smaller than this in a slice does not count in that slice (Agatston 1990)."""
    weights: tuple[tuple[float, int], ...] = ((130.0, 1), (200.0, 2), (300.0, 3), (400.0, 4))
    """The weight of a lesion in a slice, from each highest value on (Agatston 1990)."""
    reference_increment_mm: float = 3.0
    """Agatston's scans had contiguous slices of 3 mm: other distances of slices count by their share of it."""
    connectivity: Literal[4, 8] = 8
    """Whether pixels that touch at a corner belong to one lesion of a slice: with 8 they do. Open implementations
    differ; this one is named in the variant of every score."""
    averaged_below_mm: float = 2.4
    """Slices nearer to each other than this are averaged first; 2.5 and 3 mm are scored as they are."""
    averaged_to_mm: float = 3.0
    """Averaged to the distance for which the score was made: thin slices are too noisy to be scored (3 mm did better,
    Xu et al. [abstract])."""

    heart_margin_mm: float = 10.0
    """Lesions this near to the heart are looked at: the error of its outline and the width of the epicardial fat."""
    aorta_margin_mm: float = 4.0
    """The same for the aorta: its wall is 2 mm thick, and the spine lies close."""
    bone_reach_mm: float = 25.0
    """How far around that bone is looked for: what reaches out of this box is bone, or joined to it."""
    min_share_near: float = 0.5
    """Of a lesion, this part must lie near heart or aorta."""
    divide_from_mm: float = 12.0
    """A lesion of the left arteries at least so long may run from one into the next: longer than the main stem is wide
    and blurred, so that it cannot lie in one place alone (lungcad's choice)."""
    divide_near_mm: float = 8.0
    """It is divided by the nearest course only where the courses lie about so near (their own error)."""
    divide_least_share: float = 0.25
    """And only where each part holds this much of it; less is within the error of the fork's place."""
    max_lesion_mm3: float = 30000.0
    """Larger ones are no lesion; a calcified mitral ring may have 20 ml."""

    tiers: tuple[float, float] = (100.0, 400.0)
    """The common four tiers: 0, up to 99, 100 to 399, 400 and more [abstract]. A total between 99 and 100 is below 100:
    scores are not rounded before they are compared."""
    tier_scheme: str = "Agatston tiers 0 / 1-99 / 100-399 / >=400"
    cac_drs: tuple[float, float] = (100.0, 300.0)
    """CAC-DRS: A0 none, A1 up to 99, A2 100 to 299, A3 300 and more, /N with the number of arteries that hold any."""
    cac_drs_scheme: str = "CAC-DRS"
    critical_from: float = 400.0
    """A score to be told at once, the lower limit of the highest tier. 1000 is named "very high" in later papers
    [unverified]; an installation may prefer it."""
    advice: tuple[str, str, str, str] = (
        "No coronary calcium found on this non-gated CT, which does not exclude coronary disease. If there is chest "
        "pain, assess it by the usual guidelines (BSCI/BSCCT and BSTI 2020).",
        "Mild coronary calcium: assess modifiable cardiovascular risk factors and, if there is chest pain, assess it "
        "by the usual guidelines (BSCI/BSCCT and BSTI 2020; SCCT/STR 2016 [unverified]).",
        "Moderate coronary calcium: assess modifiable cardiovascular risk factors, with preventive treatment by the "
        "local guideline, and, if there is chest pain, assess it by the usual guidelines (BSCI/BSCCT and BSTI 2020; "
        "SCCT/STR 2016 [unverified]).",
        "Severe coronary calcium: assess modifiable cardiovascular risk factors soon, with preventive treatment by the "
        "local guideline, and, if there is chest pain, assess it by the usual guidelines (BSCI/BSCCT and BSTI 2020; "
        "SCCT/STR 2016 [unverified]).",
    )
    """By tier. BSCI/BSCCT and BSTI 2020 (PMC7774698, abstract) asks for none, mild, moderate or severe on every
    non-gated chest CT, for risk factors, and the usual way for chest pain; in most cases no further test. "Soon" and
    "preventive treatment by the local guideline" are lungcad's own words; of SCCT/STR 2016 only the table of contents
    was read."""
    suitability: CalciumSuitabilityPolicy = CalciumSuitabilityPolicy()
    """Which scans are scored."""


@dataclass(frozen=True, slots=True)
class HeartLungPolicy:
    """Low, medium and high on the page that sums up lungs and heart. The category itself stands beside the word.

    The three words are lungcad's own: health-check centres use them, and no guideline does. A category that is in no
    table, such as Lung-RADS 0, has no level, and the page says so.
    """

    fallback: str = "lung_rads"
    """The guideline when none applies because it was not stated why the scan was made; the page names it."""
    lung: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
        ("lung_rads", ("1", "2"), ("3",), ("4A", "4B", "4X")),
        ("c_lung_rads", ("0", "1"), ("2",), ("3", "4")),
        ("nelson", ("negative",), ("indeterminate",), ("positive",)),
        ("eu_position", ("negative",), ("indeterminate",), ("positive",)),
        (
            "fleischner",
            (
                "no nodule",
                "benign",
                "single ground-glass <6 mm",
                "single part-solid <6 mm",
                "single solid <6 mm",
                "multiple solid <6 mm",
            ),
            (
                "single ground-glass 6 mm or more",
                "single solid 6–8 mm",
                "multiple subsolid <6 mm",
                "multiple solid 6–8 mm",
                "multiple solid >8 mm",
                "single part-solid 6 mm or more, persistent, solid component <6 mm",
                "single part-solid 6 mm or more",
                "multiple subsolid 6 mm or more",
            ),
            (
                "single solid >8 mm",
                "solid, growing",
                "ground-glass, growing",
                "part-solid, solid component 6 mm or more, or growing",
            ),
        ),
        (
            "bts",
            ("no nodule", "discharge", "VDT >600 days"),
            (
                "new and small",
                "CT at 24 months",
                "CT at 12 months",
                "CT at 3 months",
                "Brock <10 %",
                "subsolid, Brock <10 %",
                "VDT 400–600 days",
                "Herder <10 %",
            ),
            (
                "Brock 10 % or more",
                "Herder 10–70 %",
                "subsolid, Brock 10 % or more or concerning",
                "VDT 400 days or less",
                "Herder >70 %",
                "subsolid, growing or altered",
            ),
        ),
    )
    """For each guideline that can apply, its categories of low, medium and high. Screening: low goes on with the yearly
    rounds (Lung-RADS v2022 1 negative, 2 benign), medium is a CT in 6 months (3 probably benign; C-Lung-RADS 2, 3.2 %
    of cancers), high a CT in 3 months or work-up (4 suspicious; C-Lung-RADS 3 and 4, with 6.2 and 24.3 %, PMC11564084
    table 1); the volumetric schemes by their own words. Incidental: low needs no CT or at most one after a year, medium
    is followed by CT, high has PET/CT, tissue or surgery among its first steps (Fleischner 2017, BTS 2015)."""
    heart: tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]] = ("CAC-DRS", ("A0", "A1"), ("A2",), ("A3",))
    """CAC-DRS names A0 very low, A1 mildly, A2 moderately and A3 moderately to severely increased risk (Hecht et al.,
    J Cardiovasc Comput Tomogr 2018 [abstract])."""


@dataclass(frozen=True, slots=True)
class WordingPolicy:
    """When the sentences, pages and coded signs of a report name what was found. The measured values stand beside."""

    sign_present: float = 0.5
    """A sign is named from this probability on, where it is more probable than its absence (lungcad's own choice)."""

    lobe_certain: float = 0.8
    """Below this confidence the lobe is named with "probably" (lungcad's own choice)."""

    near_mm: float = 10.0
    """Pleura and fissures are named up to this distance (lungcad's own choice)."""

    touching_mm: float = 0.5
    """Nearer than this it touches: under one pixel of a chest CT (0.5 to 0.9 mm)."""

    changed_comparisons: int = 20
    """Pictures of then and now of nodules that are new, gone, growing or shrinking (lungcad's own choice)."""

    stable_comparisons: int = 3
    """The same of stable nodules, in the order of the nodules (lungcad's own choice)."""

    heart_lung: HeartLungPolicy = HeartLungPolicy()
    """What is called low, medium and high."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The clinical policy of one installation."""

    series: SeriesPolicy = SeriesPolicy()
    lungs: LungPolicy = LungPolicy()
    candidates: CandidatePolicy = CandidatePolicy()
    nodules: NodulePolicy = NodulePolicy()
    lobes: LobePolicy = LobePolicy()
    attributes: AttributePolicy = AttributePolicy()
    risk: RiskPolicy = RiskPolicy()
    growth: GrowthPolicy = GrowthPolicy()
    matching: MatchingPolicy = MatchingPolicy()
    followup: FollowUpPolicy = FollowUpPolicy()
    guidelines: GuidelinePolicy = GuidelinePolicy()
    calcium: CalciumPolicy = CalciumPolicy()
    wording: WordingPolicy = WordingPolicy()
