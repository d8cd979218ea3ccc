"""The site of a lesion by distance alone, as long as no classifier is at hand and to compare one with."""

from __future__ import annotations

import numpy as np

from cad.domain import Artery, Float32Array, OtherCalcium
from models.calcium.features import NAMES

Site = Artery | OtherCalcium
SITES: tuple[Site, ...] = (*Artery, *OtherCalcium)
NEAR_MM = 11.0
WALL_MM = 4.0


def nearest_site(features: Float32Array) -> tuple[Site, float]:
    """The site of one lesion [len(NAMES)] by the nearest course, and a certainty that falls with the distance."""
    of = dict(zip(NAMES, (float(f) for f in features), strict=True))
    to = {artery: 10 * of[f"to {artery}"] for artery in Artery}
    nearest = min(to, key=lambda artery: to[artery])
    if to[nearest] < NEAR_MM and of["lung about"] < 0.5 and of["bone about"] < 0.5:
        return nearest, float(np.exp(-to[nearest] / NEAR_MM))
    if 10 * of["to aorta wall"] < WALL_MM:
        return OtherCalcium.AORTA, 0.5
    return OtherCalcium.OTHER, 0.5
