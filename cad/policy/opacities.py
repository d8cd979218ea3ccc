"""Limits of what is dense in a lung and larger than a nodule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpacityPolicy:
    """How masses and other opacities are told from vessels and from each other."""

    working_mm: float = 2.5
    """Side of the blocks in which opacities are looked for: a tenth of the smallest that is."""

    dense_hu: float = -350.0
    """Half-way from lung to soft tissue: consolidation, fluid and tumour lie above it, ground glass below."""

    min_thickness_mm: float = 18.0
    """Thinner tissue within the outline of a lung is a vessel of the hilum or the rim of the wall."""

    min_volume_ml: float = 6.0
    """A ball of 23 mm: what is smaller is a nodule, and the detector's."""

    mass_compactness: float = 0.25
    """A ball fills all of the ball of its extent, an ellipsoid of 2 to 1 a quarter; lobes, crescents and bands less."""

    largest_mass_mm: float = 130.0
    """A mass is larger than 30 mm (Fleischner Society glossary 2024); what is larger than this is a lobe or a lung."""

    smallest_mass_mm: float = 26.0
    """Compact regions from here on are given to the measurement, which says whether they are 30 mm."""

    mass_score: float = 0.9
    """Score of a mass that no mark of the detector names: its shape says what it is, not how suspicious it is."""

    same_size: float = 0.7
    """A mark of the detector on a mass stands when its diameter is at least this share of the mass's."""

    same_mass: float = 0.3
    """A compact region that shares so much of the smaller one with a mass that a network saw is the same mass."""

    said_from_ml: float = 10.0
    """An opacity that is no mass is said from this volume on: the ball of 27 mm."""
