"""How far volumes of one nodule differ between scans that show the same: the error of a protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cad.domain import Composition


@dataclass(frozen=True, slots=True)
class VolumeErrorPolicy:
    """The error that another grid, kernel or thickness adds to a volume, as half of a 95 % interval of its logarithm.

    Fitted to copies of real nodules on other grids (docs/measurement.md). It comes on top of what noise and slices do
    on repetition by the same protocol (`NodulePolicy`).
    """

    protocol: float = 0.1
    protocol_per_mm: float = 2.8
    """The half-width: the first, plus the second over the diameter of the sphere of that volume, in mm."""
    subsolid_factor: float = 1.2
    """Ground-glass and part-solid nodules, whose border is faint."""

    same_width_ratio: float = 1.25
    """Slices and pixels that differ by less are of one protocol."""
    same_breath_ratio: float = 1.25
    """Lungs whose volumes differ by less were imaged at about the same breath."""

    def half_width(self, volume_mm3: float, composition: Composition) -> float:
        """What the protocol adds to a nodule of this volume and composition."""
        diameter_mm = math.cbrt(6 * volume_mm3 / math.pi)
        width = self.protocol + self.protocol_per_mm / diameter_mm
        is_subsolid = composition in (Composition.GROUND_GLASS, Composition.PART_SOLID)
        return width * self.subsolid_factor if is_subsolid else width
