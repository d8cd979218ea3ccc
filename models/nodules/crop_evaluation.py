"""How well the shipped networks outline and rate the nodules of an archive of crops, against its readers.

A patient that the networks may have learnt from is read by the member that never saw it alone; where none of the
crops' patients was learnt from, all members read together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cad.domain import BoolArray
from cad.geometry import dice
from cad.qa.readers import rank_correlation, ranking_auc, reader_dice, resampled
from cad.qa.reliability import bins_of, expected_calibration_error
from models.nodules.inputs import MIN_PROBABILITY, Crop, contrast_of_crop
from models.nodules.lidc_crops import RatedNodule
from models.nodules.reader import NoduleNetworks

MIN_READERS = 3
"""Nodules that fewer readers marked are not measured: there is no consensus."""

BENIGN_UP_TO, SUSPICIOUS_FROM = 2.0, 4.0
"""Median malignancy ratings that are called not suspicious and suspicious; what lies between is left out."""

ATTRIBUTES = ("subtlety", "sphericity", "margin", "lobulation", "spiculation", "texture")

SEED = 20261125


@dataclass(frozen=True, slots=True, eq=False)
class CropReading:
    """What the networks say of one crop: the outline bool [k, j, i], the probability of suspicion, and mean ratings.

    NaN and an empty map stand for nothing said.
    """

    outline: BoolArray
    suspicion: float = float("nan")
    ratings: Mapping[str, float] = field(default_factory=dict)


def crop_of(nodule: RatedNodule) -> Crop:
    """The crop as the networks take it; the nodule is in its middle."""
    k, j, i = ((n - 1) / 2 for n in nodule.image.shape)
    return Crop(contrast_of_crop(nodule.image), nodule.spacing_mm, (k, j, i))


def suspicion_of(nodule: RatedNodule) -> bool | None:
    """Whether readers call a nodule suspicious, by the median of their malignancy ratings; None where unsure."""
    ratings = nodule.ratings["malignancy"]
    if not len(ratings):
        return None
    median = float(np.median(ratings))
    return None if BENIGN_UP_TO < median < SUSPICIOUS_FROM else median >= SUSPICIOUS_FROM


def measurable(nodules: Sequence[RatedNodule]) -> list[RatedNodule]:
    """The nodules with enough readers and a consensus."""
    return [n for n in nodules if n.readers >= MIN_READERS and n.consensus.any()]


def read_by(networks: NoduleNetworks, nodules: Sequence[RatedNodule]) -> tuple[list[RatedNodule], list[CropReading]]:
    """The nodules that some member never saw the patient of, and what those members say of each."""
    pairs = [(n, honest) for n in nodules if (honest := networks.honest_about(n.patient)) is not None]
    return [n for n, _ in pairs], [_reading(honest, n) for n, honest in pairs]


def _reading(networks: NoduleNetworks, nodule: RatedNodule) -> CropReading:
    crop = crop_of(nodule)
    outline = networks.outline(crop)
    ratings = networks.ratings(crop, outline)
    inside = outline >= MIN_PROBABILITY
    if ratings is None:
        return CropReading(inside)
    return CropReading(inside, ratings.suspicion, {name: getattr(ratings, name) for name in ATTRIBUTES})


def evaluation(nodules: Sequence[RatedNodule], readings: Sequence[CropReading]) -> dict[str, object]:
    """The document of `lungcad evaluate-crops`: figures with intervals over 1,000 resamples of patients.

    `nodules` are those of `measurable`, with one reading each.
    """
    patients = [n.patient for n in nodules]
    overlaps = np.array([dice(r.outline, n.consensus) for n, r in zip(nodules, readings, strict=True)])
    readers = np.array([reader_dice(n.votes, n.readers) for n in nodules])
    return {
        "nodules": len(nodules),
        "patients": len(set(patients)),
        "dice": {
            **_figure(patients, lambda at: float(overlaps[at].mean()) if len(at) else float("nan")),
            "median": _rounded(float(np.median(overlaps))) if len(overlaps) else None,
        },
        "reader_dice": _figure(patients, lambda at: float(readers[at].mean()) if len(at) else float("nan")),
        "malignancy": _malignancy(nodules, readings),
        "attributes": {name: _attribute(nodules, readings, name) for name in ATTRIBUTES},
    }


def _figure(patients: Sequence[str], measure: Callable[[npt.NDArray[np.intp]], float]) -> dict[str, object]:
    low, high = resampled(patients, measure, SEED) if patients else (float("nan"), float("nan"))
    return {"mean": _rounded(measure(np.arange(len(patients)))), "ci95": [_rounded(low), _rounded(high)]}


def _malignancy(nodules: Sequence[RatedNodule], readings: Sequence[CropReading]) -> dict[str, object]:
    decided = [(n, r, s) for n, r in zip(nodules, readings, strict=True) if (s := suspicion_of(n)) is not None]
    scores = np.array([r.suspicion for _, r, _ in decided])
    truth = np.array([s for _, _, s in decided], dtype=bool)
    volumes = np.array([float(np.count_nonzero(n.consensus)) * n.voxel_mm3 for n, _, _ in decided])
    patients = [n.patient for n, _, _ in decided]
    known = {
        "label": "median malignancy rating of the readers, up to 2 against at least 4: suspicion, not proven cancer",
        "n": len(decided),
        "suspicious": int(truth.sum()),
    }
    if np.isnan(scores).any() or truth.all() or not truth.any():
        return {**known, "auc": None, "ci95": None, "ece": None, "brier": None, "volume_auc": None}
    return {
        **known,
        "auc": _rounded(ranking_auc(scores, truth)),
        "ci95": [_rounded(v) for v in resampled(patients, lambda at: ranking_auc(scores[at], truth[at]), SEED)],
        "ece": _rounded(expected_calibration_error(bins_of(scores, truth.astype(float)))),
        "brier": _rounded(float(np.mean((scores - truth) ** 2))),
        "volume_auc": _rounded(ranking_auc(volumes, truth)),
    }


def _attribute(nodules: Sequence[RatedNodule], readings: Sequence[CropReading], name: str) -> float | None:
    pairs = [(r.ratings.get(name, float("nan")), n.mean_rating(name)) for n, r in zip(nodules, readings, strict=True)]
    rated = np.array([pair for pair in pairs if not np.isnan(pair).any()]).reshape(-1, 2)
    return _rounded(rank_correlation(rated[:, 0], rated[:, 1]))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
