"""What a report says of a nodule, before it is put into words of any language."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cad.domain import (
    AxisLengths,
    CalcificationPattern,
    Delineation,
    Lobe,
    MalignancyRisk,
    MissingPart,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleRisks,
    NotAssessed,
    NotAssessedReason,
    Side,
)
from cad.exam.missing import RISK_MODELS, missing_parts, missing_risks
from cad.policy import WordingPolicy
from cad.science.nodules.attributes import is_present

BENIGN_PATTERN = NotAssessed(NotAssessedReason.BENIGN_PATTERN)


class Sign(enum.Enum):
    """What is named when it is probable, in the order of a report."""

    SPICULATED = "spiculation"
    LOBULATED = "lobulation"
    ILL_DEFINED = "ill_defined_margin"
    CAVITY = "cavitation"
    CALCIFICATION = "calcification"
    FAT = "fat"
    PERIFISSURAL = "perifissural"


class Border(enum.Enum):
    """What a nodule can be near."""

    PLEURA = "pleura"
    FISSURE = "fissure"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a nodule lies: the lobe, or the lung alone where the lobe is not known."""

    side: Side
    lobe: Lobe | None
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Nearness:
    """A border near the nodule; a distance of 0 means that it touches."""

    border: Border
    distance_mm: float


@dataclass(frozen=True, slots=True)
class SolidPart:
    """The solid component of a part-solid nodule."""

    axes: AxisLengths
    volume_mm3: float


@dataclass(frozen=True, slots=True, eq=False)
class NoduleStatement:
    """What is said of one nodule. None, and what is not in a tuple, is left out of a sentence.

    `risks` holds the models that were applied, by name; None when none was asked. `missing` says why anything is None.
    """

    nodule: Nodule
    place: Place
    interval_mm3: tuple[float, float] | None
    solid: SolidPart | None
    signs: tuple[Sign, ...]
    absent: tuple[Sign, ...]
    pattern: CalcificationPattern | None
    near: tuple[Nearness, ...]
    suspicion: float | None
    brock: tuple[float, float] | None
    is_benign_pattern: bool
    delineation: Delineation
    risks: Mapping[str, MalignancyRisk] | None = None
    missing: tuple[MissingPart, ...] = ()


def state_nodule(nodule: Nodule, risks: NoduleRisks | None, policy: WordingPolicy) -> NoduleStatement:
    """What is said of a nodule; `risks` is None when no malignancy model was asked."""
    signs = present_signs(nodule.attributes, policy)
    without = () if risks is None else tuple(missing_risks(risks))
    applied = None if risks is None else _applied(risks)
    brock = None if applied is None else applied.get("brock")
    return NoduleStatement(
        nodule=nodule,
        place=_place(nodule, policy),
        interval_mm3=None if nodule.measures is None else nodule.measures.volume_interval_mm3,
        solid=_solid(nodule),
        signs=signs,
        absent=absent_signs(nodule.attributes, policy),
        pattern=_pattern(nodule.attributes, signs),
        near=tuple(_near(nodule.location, policy)),
        suspicion=None if nodule.ratings is None else nodule.ratings.suspicion,
        brock=None if brock is None else brock.range,
        is_benign_pattern=MissingPart("risks.brock", BENIGN_PATTERN) in without,
        delineation=nodule.delineation,
        risks=applied,
        missing=(*missing_parts(nodule), *without),
    )


def _applied(risks: NoduleRisks) -> Mapping[str, MalignancyRisk]:
    """The models that gave a risk, in their order."""
    named = ((model, getattr(risks, model)) for model in RISK_MODELS)
    return {model: risk for model, risk in named if isinstance(risk, MalignancyRisk)}


def present_signs(attributes: NoduleAttributes | None, policy: WordingPolicy) -> tuple[Sign, ...]:
    """The signs that are there, by the very limit from which the guidelines take them as present."""
    return _signs(attributes, policy, present=True)


def absent_signs(attributes: NoduleAttributes | None, policy: WordingPolicy) -> tuple[Sign, ...]:
    """The signs that are not there, by the limit of the guidelines; what is between the two limits is not said."""
    return _signs(attributes, policy, present=False)


def _signs(attributes: NoduleAttributes | None, policy: WordingPolicy, *, present: bool) -> tuple[Sign, ...]:
    if attributes is None:
        return ()
    probabilities = ((sign, getattr(attributes, sign.value)) for sign in Sign)
    return tuple(sign for sign, p in probabilities if is_present(p, policy.signs) is present)


def unknown_inputs(nodules: Sequence[NoduleStatement]) -> tuple[str, ...]:
    """The inputs of the Brock model that were not known of at least one nodule, each once."""
    brocks = [one.risks["brock"] for one in nodules if one.risks is not None and "brock" in one.risks]
    return tuple(dict.fromkeys(name for brock in brocks for name in brock.unknown))


def _place(nodule: Nodule, policy: WordingPolicy) -> Place:
    location = nodule.location
    if location is None or location.lobe is None:
        return Place(nodule.side, None, is_certain=True)
    return Place(nodule.side, location.lobe, location.lobe_confidence >= policy.lobe_certain)


def _solid(nodule: Nodule) -> SolidPart | None:
    if nodule.measures is None or nodule.measures.solid is None:
        return None
    solid = nodule.measures.solid
    axes = AxisLengths(solid.diameters.long_axis_mm, solid.diameters.short_axis_mm)
    return SolidPart(axes, solid.volume_mm3)


def _pattern(attributes: NoduleAttributes | None, signs: tuple[Sign, ...]) -> CalcificationPattern | None:
    return attributes.calcification_pattern if attributes is not None and Sign.CALCIFICATION in signs else None


def _near(location: NoduleLocation | None, policy: WordingPolicy) -> Iterator[Nearness]:
    if location is None:
        return
    for border, distance in ((Border.PLEURA, location.pleura_mm), (Border.FISSURE, location.fissure_mm)):
        if distance is not None and distance <= policy.near_mm:
            yield Nearness(border, 0.0 if distance < policy.touching_mm else distance)
