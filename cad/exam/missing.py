"""What a nodule of an examination lacks, and why: known to the stages that measure, told once."""

from __future__ import annotations

from collections.abc import Iterator

from cad.domain import (
    Composition,
    MissingPart,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleRisks,
    NotAssessed,
    NotAssessedReason,
)

RISK_MODELS = ("brock", "brock_without_spiculation", "mayo", "herder")
"""The models of malignancy, as `NoduleRisks` names them."""

SIGNS = (
    "spiculation",
    "perifissural",
    "lobulation",
    "ill_defined_margin",
    "cavitation",
    "calcification",
    "fat",
)
"""The signs that have a probability, as `NoduleAttributes` names them."""

NOT_AVAILABLE = NotAssessed(NotAssessedReason.NOT_AVAILABLE)
NOT_DETERMINED = NotAssessed(NotAssessedReason.NOT_DETERMINED)
NOT_APPLICABLE = NotAssessed(NotAssessedReason.NOT_APPLICABLE)


def missing_parts(nodule: Nodule) -> Iterator[MissingPart]:
    """The parts of a nodule that are None, in the order of its record."""
    yield from _missing_measures(nodule)
    yield from _missing_location(nodule.location)
    yield from _missing_signs(nodule.attributes)
    if nodule.ratings is None:
        yield MissingPart("ratings", NOT_AVAILABLE)


def missing_risks(risks: NoduleRisks) -> Iterator[MissingPart]:
    """The models of malignancy that were not applied."""
    for model in RISK_MODELS:
        risk = getattr(risks, model)
        if isinstance(risk, NotAssessed):
            yield MissingPart(f"risks.{model}", risk)


def _missing_measures(nodule: Nodule) -> Iterator[MissingPart]:
    if nodule.measures is None:
        yield MissingPart("measures", NOT_AVAILABLE)
    if nodule.composition is not Composition.PART_SOLID:
        yield MissingPart("measures.solid", NOT_APPLICABLE)
    elif nodule.measures is None:
        yield MissingPart("measures.solid", NOT_AVAILABLE)
    elif nodule.measures.solid is None:
        yield MissingPart("measures.solid", NOT_DETERMINED)


def _missing_location(location: NoduleLocation | None) -> Iterator[MissingPart]:
    if location is None:
        yield MissingPart("location", NOT_AVAILABLE)
        return
    for name in ("lobe", "pleura_mm", "fissure_mm"):
        if getattr(location, name) is None:
            yield MissingPart(f"location.{name}", NOT_DETERMINED)


def _missing_signs(attributes: NoduleAttributes | None) -> Iterator[MissingPart]:
    """The pattern of calcification has no meaning where there is surely none."""
    if attributes is None:
        yield MissingPart("attributes", NOT_AVAILABLE)
        return
    for name in SIGNS:
        if getattr(attributes, name) is None:
            yield MissingPart(f"attributes.{name}", NOT_DETERMINED)
    if attributes.calcification_pattern is None:
        seen = attributes.calcification is None or attributes.calcification > 0
        yield MissingPart("attributes.calcification_pattern", NOT_DETERMINED if seen else NOT_APPLICABLE)
