"""Constants: fissures and lobes."""

from __future__ import annotations

from dataclasses import dataclass


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

    max_cut: float = 0.4
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
