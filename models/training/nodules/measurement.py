"""What the networks say of the readers' nodules, each by the member that never saw its patient; calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cad.domain import BoolArray, Float32Array, FloatArray
from cad.qa.readers import ranking_auc, resampled
from cad.qa.reliability import logistic_fit
from models.detector.rpn3d import fold, on_device
from models.nodules.cards import Line, RatingCalibration
from models.nodules.crop_evaluation import CropReading, crop_of, measurable, suspicion_of
from models.nodules.folds import GROUPS, group_of, honest_member
from models.nodules.inputs import MIN_PROBABILITY
from models.nodules.lidc_crops import RatedNodule
from models.nodules.networks import MIDDLE_RATING, RATED, RATING_STEP, OutlineNet, RatingNet
from models.nodules.reader import calibrate_by, outline, rate, suspicion_logit
from models.training.loop import Place
from models.training.nodules.ensembles import Net
from models.training.nodules.ratings import ABSENT

BOOTSTRAP_SEED = 6

LEAST_SPREAD = 1e-3
"""Ratings (1 to 5) that differ by less than this are one rating, through which no line goes."""


def honest(nodules: Sequence[RatedNodule]) -> list[RatedNodule]:
    """The nodules of patients whom some member never saw."""
    return [n for n in nodules if honest_member(n.patient) is not None]


def honest_outlines(members: Sequence[OutlineNet], nodules: Sequence[RatedNodule], place: Place) -> list[Float32Array]:
    """Each nodule's probabilities [k, j, i], by the member that never saw its patient; by all where there is none."""
    device = torch.device(place.device)
    ready = [on_device(fold(member), device) for member in members]
    return [outline(_readers(ready, n.patient), crop_of(n), device) for n in nodules]


def _readers(members: Sequence[Net], patient: str) -> Sequence[Net]:
    member = honest_member(patient)
    return members if member is None else members[member : member + 1]


@dataclass(frozen=True, slots=True, eq=False)
class RatedCrops:
    """Nodules with enough readers, their outlines, and what the member that never saw the patient said [n, m]."""

    nodules: tuple[RatedNodule, ...]
    outlines: tuple[Float32Array, ...]
    outputs: FloatArray

    @classmethod
    def read(
        cls,
        members: Sequence[RatingNet],
        nodules: Sequence[RatedNodule],
        outlines: Sequence[Float32Array],
        device: torch.device,
    ) -> RatedCrops:
        """Has each nodule, outlined as [k, j, i], rated by the member that never saw its patient."""
        kept = [(n, o) for n, o in zip(nodules, outlines, strict=True) if honest(measurable([n]))]
        ready = [on_device(fold(member), device) for member in members]
        outputs = [rate(_readers(ready, n.patient), crop_of(n), o, device) for n, o in kept]
        return cls(tuple(n for n, _ in kept), tuple(o for _, o in kept), np.array(outputs))

    def without(self, group: int) -> RatedCrops:
        """The nodules of all groups but one."""
        at = [n for n, nodule in enumerate(self.nodules) if group_of(nodule.patient) != group]
        return RatedCrops(tuple(self.nodules[n] for n in at), tuple(self.outlines[n] for n in at), self.outputs[at])

    def decided(self) -> tuple[FloatArray, FloatArray]:
        """Logits of suspicion before calibration [n] and whether readers agree, 0 or 1 [n], where they are decided."""
        known = [(suspicion_logit(x), s) for x, n in self._pairs() if (s := suspicion_of(n)) is not None]
        return np.array([x for x, _ in known]), np.array([float(s) for _, s in known])

    def _pairs(self) -> zip[tuple[FloatArray, RatedNodule]]:
        return zip(self.outputs, self.nodules, strict=True)


def fit_calibration(crops: RatedCrops) -> RatingCalibration:
    """The calibration that these readings ask for."""
    logits, suspicious = crops.decided()
    seen = np.array([float((n.ratings["calcification"] < ABSENT).mean() >= 0.5) for n in crops.nodules])
    return RatingCalibration(
        suspicion=_logistic(logits, suspicious),
        calcified=_logistic(crops.outputs[:, 1], seen),
        rated={name: _linear(crops, column, name) for column, name in enumerate(RATED, start=2)},
    )


def _logistic(logits: FloatArray, truth: FloatArray) -> Line:
    (slope,), intercept = logistic_fit(logits[:, None], truth)
    return Line(slope, intercept)


def _linear(crops: RatedCrops, column: int, name: str) -> Line:
    """The line through the readers' means; level where the network says the same of every nodule."""
    predicted = MIDDLE_RATING + RATING_STEP * crops.outputs[:, column]
    rated = np.array([n.mean_rating(name) for n in crops.nodules])
    apart, mean = predicted - predicted.mean(), float(rated.mean())
    spread = float(apart @ apart)
    if spread < len(predicted) * LEAST_SPREAD**2:
        return Line(0.0, mean)
    slope = float(apart @ rated) / spread
    return Line(slope, mean - slope * float(predicted.mean()))


def cross_fit(crops: RatedCrops) -> list[CropReading]:
    """Each nodule's reading, calibrated on the nodules of all other groups of patients."""
    calibrations = [fit_calibration(crops.without(group)) for group in range(GROUPS)]
    readings = []
    for nodule, drawn, output in zip(crops.nodules, crops.outlines, crops.outputs, strict=True):
        suspicion, _, ratings = calibrate_by(output, calibrations[group_of(nodule.patient)])
        readings.append(CropReading(drawn >= MIN_PROBABILITY, suspicion, ratings))
    return readings


@dataclass(frozen=True, slots=True)
class Nested:
    """AUC of nested models of readers' suspicion: size alone, with the network, with the readers' own attributes.

    Each is a logistic regression fitted on the other groups of patients. `gain` is what the network adds to size, with
    the interval that holds 95 % of resamples of patients; `network` is the network alone.
    """

    volume: float
    network: float
    volume_and_network: float
    volume_and_readers: float
    gain: tuple[float, float, float]


def compare_nested(crops: RatedCrops) -> Nested:
    """Compares what size, the network and the readers' own attributes tell of the readers' suspicion."""
    at = [n for n, nodule in enumerate(crops.nodules) if suspicion_of(nodule) is not None]
    nodules = [crops.nodules[n] for n in at]
    truth = np.array([suspicion_of(n) is True for n in nodules])
    size = np.array([np.log(np.count_nonzero(n.consensus) * n.voxel_mm3) for n in nodules])
    network = np.array([suspicion_logit(crops.outputs[n]) for n in at])
    said = np.array([[n.mean_rating(name) for name in READERS_ATTRIBUTES] for n in nodules])
    groups = np.array([group_of(n.patient) for n in nodules])
    both = _left_out_scores(np.stack([size, network], axis=1), truth, groups)
    readers = _left_out_scores(np.concatenate([size[:, None], said], axis=1), truth, groups)
    patients = [n.patient for n in nodules]
    low, high = resampled(
        patients, lambda i: ranking_auc(both[i], truth[i]) - ranking_auc(size[i], truth[i]), BOOTSTRAP_SEED
    )
    alone = ranking_auc(size, truth)
    joint = ranking_auc(both, truth)
    return Nested(alone, ranking_auc(network, truth), joint, ranking_auc(readers, truth), (joint - alone, low, high))


READERS_ATTRIBUTES = ("sphericity", "margin", "lobulation", "spiculation", "texture", "calcification")


def _left_out_scores(features: FloatArray, truth: BoolArray, groups: npt.NDArray[np.int_]) -> FloatArray:
    """For each case [n] the logit of a logistic regression on features [n, m] that was fitted on the other groups."""
    scores = np.zeros(len(truth))
    middle, spread = features.mean(axis=0), features.std(axis=0)
    scaled = (features - middle) / np.maximum(spread, 1e-9)
    for group in range(GROUPS):
        weights, intercept = logistic_fit(scaled[groups != group], truth[groups != group].astype(float))
        scores[groups == group] = scaled[groups == group] @ np.array(weights) + intercept
    return scores
