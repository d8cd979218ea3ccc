"""The colours of what pictures, tables and segmentations show, the same in every report."""

from __future__ import annotations

from cad.domain import Artery, CalciumSite, OtherCalcium

SITE_RGB: dict[CalciumSite, tuple[int, int, int]] = {
    Artery.LM: (255, 90, 255),
    Artery.LAD: (255, 70, 60),
    Artery.LCX: (70, 230, 70),
    Artery.RCA: (60, 165, 255),
    OtherCalcium.AORTA: (255, 215, 0),
    OtherCalcium.AORTIC_VALVE: (255, 150, 0),
    OtherCalcium.MITRAL_VALVE: (0, 220, 200),
    OtherCalcium.OTHER: (170, 170, 170),
}
"""RGB of each site of calcium."""
