"""One nodule → its object in findings.json, and what is null in it, with the reason.

The statements say what is missing; `PATHS` says where that is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from cad.domain import (
    Diameters,
    Lobe,
    MalignancyRisk,
    ModelIdentity,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleMeasures,
    NotAssessed,
    NotAssessedReason,
    PointLps,
    ReaderRatings,
)
from cad.exam.missing import RISK_MODELS
from cad.report.statements.nodules import NoduleStatement

Document = dict[str, object]
Missing = tuple[str, NotAssessedReason]

CNN_MEANING = (
    "probability that radiologists call the nodule suspicious of cancer, as a network learnt it from the ratings of "
    "the LIDC-IDRI; it is not the probability of cancer"
)

MEASURES = ("volume_interval_mm3", "repeated_mm3", "max_3d_diameter_mm", "surface_mm2", "sphericity", "core_hu")
SOLID = ("solid_diameters_mm", "solid_volume_mm3")
LOCATION = ("lobe", "lobe_confidence", "pleura_distance_mm", "fissure_distance_mm")
OWN_SIGNS = ("spiculation", "perifissural")
"""Signs that stand beside `attributes`, where other programs look for them."""
OTHER_SIGNS = ("lobulation", "ill_defined_margin", "cavitation", "calcification", "calcification_pattern", "fat")

PATHS: Mapping[str, tuple[str, ...]] = {
    "measures": MEASURES,
    "measures.solid": SOLID,
    "location": LOCATION,
    "location.lobe": ("lobe",),
    "location.pleura_mm": ("pleura_distance_mm",),
    "location.fissure_mm": ("fissure_distance_mm",),
    "attributes": (*OWN_SIGNS, "attributes"),
    **{f"attributes.{sign}": (sign,) for sign in OWN_SIGNS},
    **{f"attributes.{sign}": (f"attributes.{sign}",) for sign in OTHER_SIGNS},
    "ratings": ("ratings", "malignancy.cnn"),
    **{f"risks.{model}": (f"malignancy.{model}",) for model in RISK_MODELS},
}
"""Where a missing part of a nodule is null."""


def nodule_documents(nodules: Sequence[NoduleStatement]) -> list[Document]:
    """The nodules in their order."""
    return [{**_nodule(one.nodule), "malignancy": _malignancy(one)} for one in nodules]


def missing_parts(nodules: Sequence[NoduleStatement], why_no_risks: NotAssessed | None) -> list[Missing]:
    """What is null in the nodules' objects, by path, and why.

    A part that all nodules lack for the same reason is named once, as `nodules[].part`.
    """
    every = [list(_missing(one, why_no_risks)) for one in nodules]
    common = [part for part in every[0] if all(part in parts for parts in every)] if every else []
    named = [(f"nodules[].{path}", reason) for path, reason in common]
    for number, parts in enumerate(every):
        named.extend((f"nodules[{number}].{path}", reason) for path, reason in parts if (path, reason) not in common)
    return named


def _missing(one: NoduleStatement, why_no_risks: NotAssessed | None) -> Iterator[Missing]:
    for missing in one.missing:
        yield from ((path, missing.why.reason) for path in PATHS[missing.part])
    if one.risks is None and why_no_risks is not None:
        yield "malignancy", why_no_risks.reason


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
        "repeated_mm3": [round(value, 1) for value in measures.repeated_mm3],
        "max_3d_diameter_mm": round(measures.max_3d_diameter_mm, 2),
        "surface_mm2": round(measures.surface_mm2, 1),
        "sphericity": round(measures.sphericity, 3),
        "core_hu": _rounded(measures.core_hu, 1),
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


def _malignancy(one: NoduleStatement) -> Document | None:
    risks, ratings = one.risks, one.nodule.ratings
    if risks is None:
        return None
    return {
        "cnn": None if ratings is None else round(ratings.suspicion, 4),
        "cnn_meaning": None if ratings is None else CNN_MEANING,
        **{model: _risk(risks[model]) if model in risks else None for model in RISK_MODELS},
    }


def _risk(risk: MalignancyRisk) -> Document:
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
