"""Nodules of every kind for the sentences: a small grid, and parts that are there or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import product

import numpy as np

from cad.domain import (
    AxialAxis,
    CalcificationPattern,
    Composition,
    Delineation,
    Diameters,
    Grid,
    Lobe,
    MalignancyRisk,
    ModelIdentity,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleMask,
    NoduleMeasures,
    NoduleRisks,
    NotAssessed,
    NotAssessedReason,
    PointLps,
    ReaderRatings,
    Side,
    SolidComponent,
)

GRID = Grid((4, 4, 4), np.eye(4))
MODEL = ModelIdentity("reader", "1", "cd" * 32)
NOT_KNOWN = NotAssessed(NotAssessedReason.AGE_UNKNOWN)


def axes(long_mm: float, short_mm: float) -> Diameters:
    """Axes of these lengths."""
    start = PointLps(0.0, 0.0, 0.0)
    return Diameters(
        AxialAxis(start, PointLps(long_mm, 0.0, 0.0)), AxialAxis(start, PointLps(0.0, short_mm, 0.0)), slice_k=0
    )


def a_nodule(composition: Composition = Composition.PART_SOLID, side: Side = Side.RIGHT) -> Nodule:
    """A nodule of 14 × 11 mm and 890 mm³ without any further part."""
    return Nodule(
        tracking_uid="2.25.1",
        label="Nodule 1",
        centre=PointLps(1.0, 2.0, 3.0),
        mask=NoduleMask(np.ones((1, 1, 1), dtype=np.bool_), (0, 0, 0), GRID),
        diameters=axes(14.0, 11.0),
        volume_mm3=890.0,
        mean_hu=-321.0,
        composition=composition,
        side=side,
        score=0.9,
    )


SOLID = SolidComponent(axes(6.0, 5.0), 96.0)
MEASURES = NoduleMeasures((780.0, 1010.0), (800.0, 985.0), 15.1, 480.2, 0.87, core_hu=25.0)
LOCATION = NoduleLocation(Lobe.RUL, 0.95, 4.2, None)
SPICULATED = NoduleAttributes(spiculation=0.9, lobulation=0.1)
EVERY_SIGN = NoduleAttributes(0.9, 0.8, 0.7, 0.6, 0.9, CalcificationPattern.POPCORN, 0.6, 0.9)
RATINGS = ReaderRatings(0.724, 4.0, 3.0, 2.0, 3.0, 4.0, 5.0, 0.1, MODEL)


def risks(brock: MalignancyRisk | NotAssessed) -> NoduleRisks:
    """Risks of which only the Brock model was applied."""
    return NoduleRisks("2.25.1", brock, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN)


def brock(low: float, high: float) -> MalignancyRisk:
    """A risk by the Brock model between two probabilities."""
    return MalignancyRisk("Brock", "2b", (low, high), ("emphysema",) if low < high else (), ())


MEASURED: tuple[NoduleMeasures | None, ...] = (None, MEASURES, dataclasses.replace(MEASURES, solid=SOLID))
LOCATED: tuple[NoduleLocation | None, ...] = (
    None,
    LOCATION,
    NoduleLocation(None, 0.0, 0.0, 0.2),
    *(NoduleLocation(lobe, 0.6, None, 25.0) for lobe in Lobe),
)
SIGNS: tuple[NoduleAttributes | None, ...] = (
    None,
    NoduleAttributes(),
    SPICULATED,
    EVERY_SIGN,
    NoduleAttributes(calcification=0.8),
    *(NoduleAttributes(calcification=0.8, calcification_pattern=pattern) for pattern in CalcificationPattern),
)
RATED: tuple[ReaderRatings | None, ...] = (None, RATINGS, dataclasses.replace(RATINGS, suspicion=0.0))
RISKS: tuple[NoduleRisks | None, ...] = (
    None,
    risks(NOT_KNOWN),
    risks(NotAssessed(NotAssessedReason.BENIGN_PATTERN)),
    risks(brock(0.02, 0.13)),
    risks(brock(0.3, 0.3)),
)


def every_nodule() -> Iterator[tuple[Nodule, NoduleRisks | None]]:
    """Every combination of the parts above."""
    kinds = product(Composition, Side, Delineation, MEASURED, LOCATED)
    others = tuple(product(SIGNS, RATED, RISKS))
    for number, (composition, side, delineation, measures, location) in enumerate(kinds):
        plain = dataclasses.replace(
            a_nodule(composition, side), delineation=delineation, measures=measures, location=location
        )
        step = number % 17  # each kind meets a seventeenth of the others, and each pair of parts meets somewhere
        for attributes, ratings, risk in others[step::17]:
            yield dataclasses.replace(plain, attributes=attributes, ratings=ratings), risk
