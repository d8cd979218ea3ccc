"""One nodule → its object in findings.json, and what is null in it, with the reason.

The list of what is missing follows from the values themselves, so that none can be null without a reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from cad.domain import (
    Assessment,
    Composition,
    Diameters,
    Lobe,
    MalignancyRisk,
    ModelIdentity,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleMeasures,
    NoduleRisks,
    NotAssessed,
    NotAssessedReason,
    PointLps,
    ReaderRatings,
)

Document = dict[str, object]
Missing = tuple[str, NotAssessedReason]

RISK_MODELS = ("brock", "brock_without_spiculation", "mayo", "herder")

CNN_MEANING = (
    "probability that radiologists call the nodule suspicious of cancer, as a network learnt it from the ratings of "
    "the LIDC-IDRI; it is not the probability of cancer"
)

MEASURES = ("volume_interval_mm3", "max_3d_diameter_mm", "surface_mm2", "sphericity")
SOLID = ("solid_diameters_mm", "solid_volume_mm3")
LOCATION = ("lobe", "lobe_confidence", "pleura_distance_mm", "fissure_distance_mm")
OWN_SIGNS = ("spiculation", "perifissural")
"""Signs that stand beside `attributes`, where other programs look for them."""
OTHER_SIGNS = ("lobulation", "ill_defined_margin", "cavitation", "calcification", "calcification_pattern", "fat")


def nodule_documents(nodules: Sequence[Nodule], assessment: Assessment | NotAssessed) -> list[Document]:
    """The nodules in their order."""
    if isinstance(assessment, NotAssessed):
        return [{**_nodule(nodule), "malignancy": None} for nodule in nodules]
    risks = zip(nodules, assessment.risks, strict=True)
    return [{**_nodule(nodule), "malignancy": _malignancy(nodule, risk)} for nodule, risk in risks]


def missing_parts(nodules: Sequence[Nodule], assessment: Assessment | NotAssessed) -> list[Missing]:
    """What is null in the nodules' objects, by path, and why.

    A part that all nodules lack for the same reason is named once, as `nodules[].part`.
    """
    every = [[*_missing(nodule), *_missing_risks(number, assessment)] for number, nodule in enumerate(nodules)]
    common = [part for part in every[0] if all(part in parts for parts in every)] if every else []
    named = [(f"nodules[].{path}", reason) for path, reason in common]
    for number, parts in enumerate(every):
        named.extend((f"nodules[{number}].{path}", reason) for path, reason in parts if (path, reason) not in common)
    return named


def model_document(model: ModelIdentity) -> Document:
    """A network as it is named everywhere in findings.json."""
    return {"name": model.name, "version": model.version, "sha256": model.sha256}


def lobe_name(lobe: Lobe) -> str:
    """The lobe as findings.json knows it: the lingula is part of the left upper lobe."""
    return (Lobe.LUL if lobe is Lobe.LINGULA else lobe).value


def _nodule(nodule: Nodule) -> Document:
    return {
        "tracking_uid": nodule.tracking_uid,
        "label": nodule.label,
        "centre_lps_mm": point_document(nodule.centre),
        "score": round(nodule.score, 4),
        "volume_mm3": round(nodule.volume_mm3, 1),
        "diameters_mm": _diameters(nodule.diameters),
        "composition": nodule.composition.value,
        "mean_hu": round(nodule.mean_hu, 1),
        "mass_mg": round(nodule.mass_mg, 1),
        "side": nodule.side.value,
        "delineation": nodule.delineation.value,
        **_measures(nodule.measures),
        **_location(nodule.location),
        **_signs(nodule.attributes),
        "ratings": None if nodule.ratings is None else _ratings(nodule.ratings),
    }


def point_document(point: PointLps) -> Sequence[float]:
    """A position in LPS mm."""
    return [round(value, 2) for value in (point.x, point.y, point.z)]


def _diameters(diameters: Diameters) -> Document:
    return {
        "long": round(diameters.long_axis_mm, 2),
        "short": round(diameters.short_axis_mm, 2),
        "mean": round(diameters.mean_mm, 2),
    }


def _measures(measures: NoduleMeasures | None) -> Document:
    if measures is None:
        return dict.fromkeys((*MEASURES, *SOLID))
    solid = measures.solid
    return {
        "volume_interval_mm3": [round(value, 1) for value in measures.volume_interval_mm3],
        "max_3d_diameter_mm": round(measures.max_3d_diameter_mm, 2),
        "surface_mm2": round(measures.surface_mm2, 1),
        "sphericity": round(measures.sphericity, 3),
        "solid_diameters_mm": None if solid is None else _diameters(solid.diameters),
        "solid_volume_mm3": None if solid is None else round(solid.volume_mm3, 1),
    }


def _location(location: NoduleLocation | None) -> Document:
    if location is None:
        return dict.fromkeys(LOCATION)
    return {
        "lobe": None if location.lobe is None else lobe_name(location.lobe),
        "lobe_confidence": round(location.lobe_confidence, 3),
        "pleura_distance_mm": _rounded(location.pleura_mm, 1),
        "fissure_distance_mm": _rounded(location.fissure_mm, 1),
    }


def _signs(attributes: NoduleAttributes | None) -> Document:
    if attributes is None:
        return dict.fromkeys((*OWN_SIGNS, "attributes"))
    pattern = attributes.calcification_pattern
    others = {name: _rounded(getattr(attributes, name), 4) for name in OTHER_SIGNS if name != "calcification_pattern"}
    return {
        **{name: _rounded(getattr(attributes, name), 4) for name in OWN_SIGNS},
        "attributes": {**others, "calcification_pattern": None if pattern is None else pattern.value},
    }


def _ratings(ratings: ReaderRatings) -> Document:
    names = [field.name for field in fields(ratings) if field.name != "model"]
    return {**{name: round(getattr(ratings, name), 4) for name in names}, "model": model_document(ratings.model)}


def _malignancy(nodule: Nodule, risks: NoduleRisks) -> Document:
    ratings = nodule.ratings
    return {
        "cnn": None if ratings is None else round(ratings.suspicion, 4),
        "cnn_meaning": None if ratings is None else CNN_MEANING,
        **{model: _risk(getattr(risks, model)) for model in RISK_MODELS},
    }


def _risk(risk: MalignancyRisk | NotAssessed) -> Document | None:
    if isinstance(risk, NotAssessed):
        return None
    return {
        "model": risk.model,
        "version": risk.version,
        "value": _rounded(risk.value, 6),
        "range": [round(p, 6) for p in risk.range],
        "unknown": list(risk.unknown),
        "inputs": dict(risk.inputs),
        "band": risk.band,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


# -- what is null, and why ---------------------------------------------------------------------------------------


def _missing(nodule: Nodule) -> Iterator[Missing]:
    yield from _missing_measures(nodule)
    if nodule.location is None:
        yield from ((name, NotAssessedReason.NOT_AVAILABLE) for name in LOCATION)
    else:
        yield from _nulls(_location(nodule.location))
    yield from _missing_signs(nodule)
    if nodule.ratings is None:
        yield from ((name, NotAssessedReason.NOT_AVAILABLE) for name in ("ratings", "malignancy.cnn"))


def _missing_measures(nodule: Nodule) -> Iterator[Missing]:
    if nodule.measures is None:
        yield from ((name, NotAssessedReason.NOT_AVAILABLE) for name in MEASURES)
    if nodule.composition is not Composition.PART_SOLID:
        yield from ((name, NotAssessedReason.NOT_APPLICABLE) for name in SOLID)
    elif nodule.measures is None:
        yield from ((name, NotAssessedReason.NOT_AVAILABLE) for name in SOLID)
    elif nodule.measures.solid is None:
        yield from ((name, NotAssessedReason.NOT_DETERMINED) for name in SOLID)


def _missing_signs(nodule: Nodule) -> Iterator[Missing]:
    attributes = nodule.attributes
    if attributes is None:
        yield from ((name, NotAssessedReason.NOT_AVAILABLE) for name in (*OWN_SIGNS, "attributes"))
        return
    signs = {name: getattr(attributes, name) for name in OWN_SIGNS}
    others = {name: getattr(attributes, name) for name in OTHER_SIGNS if name != "calcification_pattern"}
    yield from _nulls({**signs, **{f"attributes.{name}": value for name, value in others.items()}})
    if attributes.calcification_pattern is None:
        seen = attributes.calcification is None or attributes.calcification > 0
        reason = NotAssessedReason.NOT_DETERMINED if seen else NotAssessedReason.NOT_APPLICABLE
        yield "attributes.calcification_pattern", reason


def _nulls(values: Mapping[str, object]) -> Iterator[Missing]:
    """Values that were looked for and not found."""
    yield from ((name, NotAssessedReason.NOT_DETERMINED) for name, value in values.items() if value is None)


def _missing_risks(number: int, assessment: Assessment | NotAssessed) -> Iterator[Missing]:
    """Models that were not applied to the nodule."""
    if isinstance(assessment, NotAssessed):
        yield "malignancy", assessment.reason
        return
    for model in RISK_MODELS:
        risk = getattr(assessment.risks[number], model)
        if isinstance(risk, NotAssessed):
            yield f"malignancy.{model}", risk.reason
