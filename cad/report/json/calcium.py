"""Coronary calcium → its object in findings.json."""

from __future__ import annotations

from cad.domain import Artery, CalcifiedLesion, CalciumCategory, CalciumScore, Caution, NotAssessed, SiteScore
from cad.report.json.guidelines import UNVERIFIED
from cad.report.json.nodules import Document, point_document
from cad.report.words.en import calcium as english

ESTIMATE = "non-gated"
"""Said of every score: no score of an ungated scan is one of a gated scan."""

SCORED_ALONE = (
    "agatston",
    "agatston_range",
    "volume_mm3",
    "tier",
    "category",
    "categories",
    "vessels",
    "arteries",
    "other",
    "lesions",
    "very_high",
    "advice",
    "variant",
    "scored_spacing_mm",
)
"""What is null when calcium was not scored."""


def missing_calcium_document(why: NotAssessed) -> Document:
    """The reason why there is no score, with the sentence and the figures that it follows from."""
    return {
        "status": "not-assessed",
        "reason": why.reason.value,
        "text": why.text,
        "facts": dict(why.facts),
        "estimate": ESTIMATE,
        **dict.fromkeys(SCORED_ALONE),
        "caveats": [],
    }


def calcium_document(calcium: CalciumScore) -> Document:
    """The score."""
    return {"status": "scored", "reason": None, "text": None, "facts": {}, "estimate": ESTIMATE, **_scored(calcium)}


def _scored(calcium: CalciumScore) -> Document:
    return {
        "agatston": round(calcium.agatston, 2),
        "agatston_range": None
        if calcium.agatston_range is None
        else [round(value, 1) for value in calcium.agatston_range],
        "volume_mm3": round(calcium.volume_mm3, 2),
        "tier": calcium.tier.value,
        "category": _category(calcium.categories[0]),
        "categories": [_category(category) for category in calcium.categories],
        "vessels": calcium.vessels,
        "arteries": {artery.value: _site(score) for artery, score in calcium.arteries},
        "other": {site.value: _site(score) for site, score in calcium.other},
        "lesions": [_lesion(lesion) for lesion in calcium.lesions],
        "very_high": calcium.very_high,
        "advice": english.advice(calcium, UNVERIFIED),
        "variant": english.variant(calcium),
        "scored_spacing_mm": [round(value, 5) for value in calcium.scored_spacing_mm],
        "caveats": [_caveat(caution) for caution in calcium.caveats],
    }


def _site(score: SiteScore) -> Document:
    return {
        "agatston": round(score.agatston, 2),
        "volume_mm3": round(score.volume_mm3, 2),
        "lesions": score.lesions,
    }


def _lesion(lesion: CalcifiedLesion) -> Document:
    """`artery` is null for a lesion that is not coronary; `site` always says where it was put."""
    return {
        "centre_lps_mm": point_document(lesion.centre),
        "artery": lesion.site.value if isinstance(lesion.site, Artery) else None,
        "site": lesion.site.value,
        "certainty": round(lesion.certainty, 3),
        "agatston": round(lesion.agatston, 2),
        "volume_mm3": round(lesion.volume_mm3, 2),
        "max_hu": round(lesion.max_hu, 1),
        "mean_hu": round(lesion.mean_hu, 1),
    }


def _category(category: CalciumCategory) -> Document:
    return {"scheme": category.scheme, "value": category.value}


def _caveat(caution: Caution) -> Document:
    return {"code": caution.code, "text": caution.text}
