"""Sides and lobes of the lungs."""

from __future__ import annotations

import enum


class Side(enum.StrEnum):
    """Laterality of a lung."""

    LEFT = "left"
    RIGHT = "right"


class Lobe(enum.StrEnum):
    """Lobe of a lung; a reader may name the lingula, which is part of the left upper lobe."""

    RUL = "RUL"
    RML = "RML"
    RLL = "RLL"
    LUL = "LUL"
    LINGULA = "lingula"
    LLL = "LLL"
