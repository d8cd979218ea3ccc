"""The training of the networks that outline and rate nodules, from crops and scans to weights and cards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from cad.domain import BoolArray, Float32Array, FloatArray
from cad.qa.readers import ranking_auc, resampled
from cad.qa.reliability import logistic_fit
from models.detector.rpn3d import folded, on_device
from models.nodules.cards import OUTLINE_NAME, RATING_NAME, Line, RatingCalibration
from models.nodules.crop_evaluation import CropReading, crop_of, evaluation, measurable, suspicion_of
from models.nodules.folds import FOLDS, GROUPS, MEMBERS, fold_of, group_of, honest_member
from models.nodules.inputs import MIN_PROBABILITY
from models.nodules.lidc_crops import RatedNodule
from models.nodules.networks import MIDDLE_RATING, RATED, RATING_STEP, OutlineNet, RatingNet, TrunkConfig
from models.nodules.reader import calibrated_by, outlined, rated, suspicion_logit
from models.running.cards import sha256_of
from models.training.detector.plan import Place
from models.training.detector.train import Recipe
from models.training.nodules.ensembles import Net, averaged, checkpoint_of, save_members, train_members
from models.training.nodules.outlines import OutlineRecipe, OutlineSample, train_outlining
from models.training.nodules.ratings import ABSENT, RatingSample, rating_sample, train_rating

BOOTSTRAP_SEED = 6


@dataclass(frozen=True, slots=True)
class RatingRecipe:
    """How the rating networks are trained."""

    version: str = "0.1.0"
    config: TrunkConfig = field(default_factory=lambda: TrunkConfig((12, 24, 48, 96)))
    member: Recipe = field(
        default_factory=lambda: Recipe(
            steps=2500, learning_rate=1.5e-3, weight_decay=5e-2, ema_decay=0.998, mine_every=500
        )
    )


def train_outline_member(
    samples: Sequence[OutlineSample], recipe: OutlineRecipe, fold: int, checkpoint: Path, device: torch.device
) -> OutlineNet:
    """The member that learns from every sample none of whose patients is of the fold."""
    seen = [s for s in samples if all(fold_of(p) != fold for p in s.patients)]
    return train_outlining(seen, recipe, checkpoint, device)


def train_rating_member(
    samples: Sequence[RatingSample], recipe: RatingRecipe, fold: int, checkpoint: Path, device: torch.device
) -> RatingNet:
    """The member that learns from the patients outside of the fold."""
    seen = [s for s in samples if fold_of(s.patient) != fold]
    return train_rating(seen, recipe.config, recipe.member, checkpoint, device)


# -- training --------------------------------------------------------------------------------------------------


def train_outlines(
    samples: Sequence[OutlineSample], nodules: Sequence[RatedNodule], recipe: OutlineRecipe, place: Place
) -> Path:
    """The path of the outlining networks' card in `place.out`, with the weights beside it; resumes what is there.

    `nodules` are measured, each by the member that never saw its patient.
    """
    train_members(partial(train_outline_member, samples, recipe), place)
    members = [averaged(OutlineNet(recipe.config), checkpoint_of(fold, place.out)) for fold in range(MEMBERS)]
    weights = place.out / f"{OUTLINE_NAME}.safetensors"
    save_members(members, weights)
    measured = honest(measurable(nodules))
    found = evaluation(measured, [CropReading(o >= MIN_PROBABILITY) for o in honest_outlines(members, measured, place)])
    card = place.out / f"{OUTLINE_NAME}.toml"
    card.write_text(outline_card_text(recipe, nodules, found, sha256_of(weights)), encoding="utf-8")
    return card


def honest(nodules: Sequence[RatedNodule]) -> list[RatedNodule]:
    """The nodules of patients whom some member never saw."""
    return [n for n in nodules if honest_member(n.patient) is not None]


def honest_outlines(members: Sequence[OutlineNet], nodules: Sequence[RatedNodule], place: Place) -> list[Float32Array]:
    """Each nodule's probabilities [k, j, i], by the member that never saw its patient; by all where there is none."""
    device = torch.device(place.device)
    ready = [on_device(folded(member), device) for member in members]
    return [outlined(_readers(ready, n.patient), crop_of(n), device) for n in nodules]


def _readers(members: Sequence[Net], patient: str) -> Sequence[Net]:
    member = honest_member(patient)
    return members if member is None else members[member : member + 1]


def train_ratings(
    outlines: Sequence[OutlineNet], nodules: Sequence[RatedNodule], recipe: RatingRecipe, place: Place
) -> Path:
    """The path of the rating networks' card in `place.out`, with the weights beside it; resumes what is there.

    `outlines` are the members of the outlining ensemble: the rating networks learn from outlines such as they will be
    given, drawn by the member that never saw the nodule's patient.
    """
    drawn = honest_outlines(outlines, nodules, place)
    samples = [rating_sample(n, o) for n, o in zip(nodules, drawn, strict=True)]
    train_members(partial(train_rating_member, samples, recipe), place)
    members = [averaged(RatingNet(recipe.config), checkpoint_of(fold, place.out)) for fold in range(MEMBERS)]
    weights = place.out / f"{RATING_NAME}.safetensors"
    save_members(members, weights)
    rated_nodules = RatedCrops.read(members, nodules, drawn, torch.device(place.device))
    card = place.out / f"{RATING_NAME}.toml"
    text = rating_card_text(recipe, nodules, rated_nodules, sha256_of(weights))
    card.write_text(text, encoding="utf-8")
    return card


# -- measuring -------------------------------------------------------------------------------------------------


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
        """Has each nodule rated by the member that never saw its patient."""
        kept = [(n, o) for n, o in zip(nodules, outlines, strict=True) if honest(measurable([n]))]
        ready = [on_device(folded(member), device) for member in members]
        outputs = [rated(_readers(ready, n.patient), crop_of(n), o, device) for n, o in kept]
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


def fitted(crops: RatedCrops) -> RatingCalibration:
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
    predicted = MIDDLE_RATING + RATING_STEP * crops.outputs[:, column]
    slope, intercept = np.polyfit(predicted, [n.mean_rating(name) for n in crops.nodules], 1)
    return Line(float(slope), float(intercept))


def cross_fitted(crops: RatedCrops) -> list[CropReading]:
    """Each nodule's reading, calibrated on the nodules of all other groups of patients."""
    calibrations = [fitted(crops.without(group)) for group in range(GROUPS)]
    readings = []
    for nodule, outline, output in zip(crops.nodules, crops.outlines, crops.outputs, strict=True):
        suspicion, _, ratings = calibrated_by(output, calibrations[group_of(nodule.patient)])
        readings.append(CropReading(outline >= MIN_PROBABILITY, suspicion, ratings))
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


def nested(crops: RatedCrops) -> Nested:
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


# -- cards -----------------------------------------------------------------------------------------------------

LIDC = (
    "LIDC-IDRI (Armato et al. 2011, doi 10.7937/K9/TCIA.2015.LO9QL9SX), CC BY 3.0; "
    "QIN LUNG CT (Kalpathy-Cramer et al. 2015, doi 10.7937/K9/TCIA.2015.NPGZYZBZ), CC BY 3.0, as backgrounds"
)


def outline_card_text(
    recipe: OutlineRecipe, nodules: Sequence[RatedNodule], found: Mapping[str, object], sha256: str
) -> str:
    """The outlining networks' card."""
    use = "Outlines a lung nodule whose centre is given, on chest CT. Not a medical device."
    return "\n".join(
        [
            *_head(recipe.version, sha256, use),
            *_network(recipe.config),
            *_data(nodules, "masks of the nodules that at least half of their readers marked; blended nodules"),
            *_recipe(recipe.member, "segmentation"),
            "[measured]",
            f"# Nodules of {MEMBERS} of {FOLDS} folds with 3 readers or more, by the member that never saw them; all",
            "# members together, as shipped, were not measured. Intervals: 95 %, resampling patients.",
            *_measured(found, ("nodules", "patients", "dice", "reader_dice")),
            "",
        ]
    )


def rating_card_text(recipe: RatingRecipe, nodules: Sequence[RatedNodule], crops: RatedCrops, sha256: str) -> str:
    """The rating networks' card."""
    calibration, found, compared = fitted(crops), evaluation(crops.nodules, cross_fitted(crops)), nested(crops)
    use = (
        "Says what radiologists would say of a lung nodule: suspicion of cancer and the LIDC-IDRI ratings. It is a "
        "score of radiologists' suspicion, not of proven cancer. Not a medical device."
    )
    lines = {"suspicion": calibration.suspicion, "calcified": calibration.calcified, **calibration.rated}
    gain, low, high = compared.gain
    return "\n".join(
        [
            *_head(recipe.version, sha256, use),
            *_network(recipe.config),
            "[calibration]",
            "# [slope, intercept] of each output, fitted on all nodules, each read by the member that never saw it",
            *(f"{name} = [{line.slope:.4f}, {line.intercept:.4f}]" for name, line in lines.items()),
            "",
            *_data(nodules, "ratings of one to four readers; no diagnosis"),
            *_recipe(recipe.member, "malignancy"),
            "[measured]",
            f"# Nodules of {MEMBERS} of {FOLDS} folds with 3 readers or more, by members that never saw them;",
            "# calibrated on others; all together, as shipped, were not measured. Intervals: 95 %, patients.",
            *_measured(found, ("nodules", "patients", "malignancy", "attributes")),
            "",
            "[nested]",
            "# AUC of the readers' suspicion by size, by the network, by both, by size with the readers' own ratings",
            f"volume = {compared.volume:.4f}",
            f"network = {compared.network:.4f}",
            f"volume_and_network = {compared.volume_and_network:.4f}",
            f"volume_and_readers_attributes = {compared.volume_and_readers:.4f}",
            f"gain_over_volume = {gain:.4f}",
            f"gain_ci95 = [{low:.4f}, {high:.4f}]",
            "",
        ]
    )


def _head(version: str, sha256: str, use: str) -> list[str]:
    return [
        f'version = "{version}"',
        f'sha256 = "{sha256}"',
        'licence = "Apache-2.0 (weights); learnt from data under CC BY 3.0, see data"',
        f"use = {json.dumps(use)}",
        "",
    ]


def _network(config: TrunkConfig) -> list[str]:
    return ["[network]", f"members = {MEMBERS}", f"channels = {list(config.channels)}", ""]


def _data(nodules: Sequence[RatedNodule], truth: str) -> list[str]:
    patients = sorted({n.patient for n in nodules})
    return [
        "[data]",
        f"scans = {json.dumps(LIDC)}",
        f"truth = {json.dumps(truth)}",
        f"nodules = {len(nodules)}",
        f"# member n of {MEMBERS} left out fold n of {FOLDS}, by the patient's name (models/nodules/folds.py)",
        f"patients = {json.dumps(patients)}",
        "",
    ]


def _recipe(member: Recipe, command: str) -> list[str]:
    return [
        "[recipe]",
        f'command = "lungcad train {command} --data DATA --out OUT"',
        f"steps = {member.steps}",
        f"learning_rate = {member.learning_rate}",
        f"weight_decay = {member.weight_decay}",
        f"seed = {member.seed}",
        "",
    ]


def _measured(found: Mapping[str, object], names: Sequence[str]) -> list[str]:
    return [f"{name} = {_inline(found[name])}" for name in names]


def _inline(value: object) -> str:
    """A value as inline TOML; what is unknown is left out of a table."""
    if isinstance(value, Mapping):
        parts = (f"{name} = {_inline(part)}" for name, part in value.items() if part is not None)
        return f"{{{', '.join(parts)}}}"
    return json.dumps(value)
