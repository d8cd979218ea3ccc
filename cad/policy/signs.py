"""Limits and constants: the signs of a nodule."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.cavities import CavityPolicy


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
    densest_mm3: float = 1.5
    """The mean of the densest tenth (Siegelman 1986: calcium in 10 % of the section), at least of so much."""
    pattern_from: float = 0.5
    min_interior_mm3: float = 5.0
    """From this probability on a pattern is named, and only where so much lies behind the border."""
    diffuse_share: float = 0.7
    small_share: float = 0.1
    """Calcium in so much of the interior is diffuse; in less than the second it is punctate."""
    enclosed_share: float = 0.1
    """A ring: so much of what the calcium encloses in a slice is not calcified."""
    popcorn_pieces: int = 3
    piece_mm3: float = 2.0
    """Popcorn: so many separate clumps of this size."""
    central_offset: float = 0.35
    """Central: the calcium's centroid is within this part of the radius from the nodule's, and the rim is free."""
    rim_share: float = 0.1

    fat_hu: tuple[float, float] = (-120.0, -40.0)
    """Intranodular fat (Siegelman 1986, hamartoma: -40 to -120 HU)."""
    fat_depth_widths: float = 1.5
    tissue_hu: float = -200.0
    """Nearer than this to the border, or to voxels below this, blurred soft tissue has the same attenuation."""
    fat_half_mm3: float = 15.0
    """So much contiguous fat, without sheets of a voxel, which blur makes, has a probability of one half."""
    cavity: CavityPolicy = CavityPolicy()

    touch_mm: tuple[float, float] = (1.5, 2.5)
    """Nearer than this to the pleura (a voxel) or to a fissure (the error of its surface) is touching."""
    touch_width_mm: float = 0.5
    convexity: float = 0.85
    convexity_width: float = 0.03
    """Oval, lentiform and triangular shapes fill their convex hull; pixels cost a small nodule a tenth."""
    flat_below: float = 0.75
    flat_width: float = 0.03
    """Lentils and triangles have a smallest extent of less than this part of the largest; a ball is no typical nodule
    (ACR: oval, lentiform or triangular; BTS: lentiform or triangular)."""
    typical_from: float = 0.9
    typical_suspicion_up_to: float = 0.2
    """Without a reader a nodule is typical only from this probability of the shape on, with no more suspicion than
    this, no spiculation and no halo: it leaves follow-up (lungcad's own choice)."""
    halo_reach_mm: tuple[float, float] = (1.5, 3.5)
    halo_far_mm: tuple[float, float] = (6.0, 9.0)
    halo_dense_hu: float = -300.0
    halo_clear_mm: float = 1.5
    halo_over_lung_hu: float = 100.0
    halo_least_mm3: float = 30.0
    """A halo: the lung so near around is denser than that farther away, by the median of each. Dense tissue, as wall
    and vessels, does not count, nor what is so near to it that blur makes it grey; ground glass differs from lung by
    100 HU."""
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
