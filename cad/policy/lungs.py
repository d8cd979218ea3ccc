"""Constants of the lung segmentation, and when lungs are doubted."""

from __future__ import annotations

from dataclasses import dataclass


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

    body_piece_fraction: float = 0.05
    """Pieces of the body of at least this share of the largest are body too, unless they lie behind it like a table."""

    plainly_open: float = 0.15
    """The same for air that hangs together with enclosed air: in front of a mouth hardly any of it is enclosed."""

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

    expected_air_fraction: float = 0.35
    """A network that expects less air than this share in the lungs is not followed: the densest lungs that it learnt
    from, with an effusion or a collapse on one side, hold more."""

    expected_share_of_piece: float = 0.2
    """A drawn piece of which the network expects less than this share is no lung: bowel, foam of a couch, a cyst."""

    drawn_share_of_expected: float = 0.6
    """Of a lung of which less than this share was drawn the network draws the rest: the airway carried it outside."""

    completion_reach_mm: float = 6.0
    """How far from the network's outline the border of the air is taken: the side of one of its cells."""

    dense_radius_mm: float = 6.0
    """Tissue thinner than 12 mm at the rim of a lung is disagreement about a border, not a mass."""

    dense_piece_ml: float = 4.0
    """The ball of 20 mm that closing bridges already."""

    second_opinion_agreement: float = 0.9
    """Dice below which a reader is asked to look; on unchanged shared scans it is 0.96 to 0.98."""
