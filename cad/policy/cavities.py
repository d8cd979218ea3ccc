"""Limits and constants: air that a nodule encloses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CavityPolicy:
    """When air inside a nodule is a cavity of it (Fleischner glossary 2024: a gas-filled space within a nodule or mass,
    seen as a lucency; the wall is of tissue)."""

    wall_quantile: float = 0.75
    """The attenuation of the wall: the denser quarter, as a large cavity has most of the voxels."""
    air_share: float = 0.5
    """Air: darker than half-way from the wall to air (-1000 HU), where the blurred wall ends."""
    depth_widths: float = 1.0
    side_share: float = 0.1
    """In its slices a cavity reaches the outermost width with no more than this part of it, and above or below it there
    is nodule."""
    half_mm3: float = 20.0
    half_share: float = 0.03
    """So much enclosed air, and so much of the nodule, has a probability of one half: a bronchiole of 2 mm across 5 mm
    holds 16 mm³, and bronchi in the shared masses of 9 to 24 ml hold 0.2 to 1.2 % of them."""
    decides_from: float = 0.6
    """From this probability on, where the sign is called present (`AttributePolicy`), the attenuation type of the
    nodule is that of its wall."""
