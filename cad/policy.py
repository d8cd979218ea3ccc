"""Every clinical number of lungcad, frozen, each with its source. A change here is a clinical change.

Bump `POLICY_VERSION` and write a line under *Clinical behaviour* in CHANGELOG.md with every change of a value.
"""

from __future__ import annotations

from dataclasses import dataclass

POLICY_VERSION = "2026.1"


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

    fine_spacing_range_mm: tuple[float, float] = (0.6, 1.2)
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
    rim_depth_voxels: tuple[float, float] = (1.0, 2.5)
    """Depth in source voxels of the tissue that sets the border: behind the blur, before a denser centre."""
    min_rim_voxels: int = 12
    peak_percentile: float = 90.0
    """Where the nodule is all border, its densest tenth stands for its tissue; fewer voxels would be noise."""
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
    calcified_from_hu: float = 200.0
    """Calcium on non-enhanced CT (Siegelman 1986 and later practice: 200 HU)."""
    calcified_share: float = 0.1
    """A part of the cross-section that reads as calcified (Siegelman 1986: at least 10 %)."""
    fat_range_hu: tuple[float, float] = (-150.0, -40.0)
    """Fat (Siegelman 1986, hamartoma: -40 to -120 HU, with margin for noise)."""
    fat_share: float = 0.5
    fat_depth_voxels: float = 1.5
    """Fat is told three slices from border to border at least: nearer, blurred soft tissue looks the same."""

    same_nodule_overlap: float = 0.5
    """Masks that share more of the smaller one are one lesion."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The clinical policy of one installation."""

    series: SeriesPolicy = SeriesPolicy()
    lungs: LungPolicy = LungPolicy()
    candidates: CandidatePolicy = CandidatePolicy()
    nodules: NodulePolicy = NodulePolicy()
