"""Limits: growth, matching, and the comparison with earlier examinations."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.volumes import VolumeErrorPolicy


@dataclass(frozen=True, slots=True)
class GrowthPolicy:
    """Change of volume between two examinations."""

    significant_percent: float = 25.0
    """A change of volume of less than 25 % is within the error of measurement (BTS 2015; NELSON)."""
    error: VolumeErrorPolicy = VolumeErrorPolicy()
    """What another protocol adds to that error."""


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
