"""What the processes of a training do; each holds the material once and uses one core.

On a CPU several members trained side by side on one core each are faster than one after the other on all cores.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import torch

from cad.domain import ModelIdentity
from cad.qa.froc import cpm, sensitivity_at
from models.detector.detector import DETECTOR_NAME, RpnDetector, detector_of
from models.running.cards import DetectorCard, Score, for_inference
from models.running.runtimes import runtime_named
from models.training.detector.evaluate import (
    AS_IS,
    EvaluationPlan,
    FoldResult,
    Labelled,
    evaluate_fold,
    labelled_logits,
)
from models.training.detector.members import Architecture, Material, Member, Trained, load_member, train_member
from models.training.detector.plan import DetectorRecipe, Place
from models.training.detector.report import Variant
from models.training.detector.sampling import Background, patient_of

FIRST_FLOOR = -6.0
"""Logit of the first stage below which a proposal is not looked at; the second stage must reject the rest."""

CROSS_SEED = 900
"""Copies from which the stages' weights are fitted are filled otherwise than those that are published."""

EVEN = Score((0.5, 0.5), 0.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """A variant: its name, how it is trained, and its architecture."""

    name: str
    member: Member
    architecture: Architecture


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a process works with."""

    material: Material
    recipe: DetectorRecipe
    place: Place

    @property
    def device(self) -> torch.device:
        """Where networks are trained."""
        return torch.device(self.place.device)

    def left_out(self, member: Member) -> list[Background]:
        """The scans that the member never sees."""
        return [b for b in self.material.scans if patient_of(b) in member.left_out]

    def detector(self, trained: Trained, score: Score) -> RpnDetector:
        """The member as a detector, to be measured; with one weight its second stage is not used."""
        card = DetectorCard(
            ModelIdentity(DETECTOR_NAME, "in-training", "in-training"),
            trained.first.config,
            trained.second.config if trained.second is not None and len(score.weights) > 1 else None,
            score,
            FIRST_FLOOR,
            0.5,
            mirrored=True,
        )
        runtime = runtime_named("auto", self.place.device)
        return detector_of(runtime, card, for_inference(card, trained.first, trained.second, runtime.device))


_held: list[Held] = []


def pool_of(held: Held) -> ProcessPoolExecutor:
    """Processes that hold the material; fresh ones, for torch's threads do not survive a fork."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(held.place.processes, spawn, initializer=_start, initargs=(held,))


def _start(held: Held) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    if held.place.processes > 1:
        torch.set_num_threads(1)
    _held.append(held)


def grow(member: Member) -> Member:
    """Trains the member and returns it."""
    held = _held[0]
    train_member(member, held.material, held.recipe.architecture, held.place.out, held.device)
    return member


def cross(member: Member) -> list[Labelled]:
    """Both stages' logits of a root's marks in the scans that it left out; nothing where there is no second stage."""
    held = _held[0]
    if held.recipe.architecture.second is None:
        return []
    detector = held.detector(load_member(member.name, held.recipe.architecture, held.place.out), EVEN)
    plan = EvaluationPlan(copies=2, seed=CROSS_SEED)
    return labelled_logits(detector, held.left_out(member), held.material.strange_shapes, plan)


def branch(task: tuple[Member, Score]) -> FoldResult | None:
    """Trains a member and, unless it leaves out nothing, reads the scans it left out."""
    member, score = task
    held = _held[0]
    trained = train_member(member, held.material, held.recipe.architecture, held.place.out, held.device)
    if not member.left_out:
        return None
    file = held.place.out / f"{member.name}.json"
    if not file.exists():
        plan = replace(held.recipe.plan, protocols=held.material.protocols)
        result = evaluate_fold(held.detector(trained, score), held.left_out(member), held.material.strange_shapes, plan)
        file.write_text(result.to_json(), encoding="utf-8")
    return FoldResult.from_json(file.read_text(encoding="utf-8"))


def compared(variant: Compared) -> list[Variant]:
    """Trains a variant and measures it on the scans it left out: its first stage alone and, if it has two, both."""
    held = _held[0]
    trained = train_member(variant.member, held.material, variant.architecture, held.place.out, held.device)
    rows = [_measured(variant, (trained.first,), held.detector(trained, Score((1.0,), 0.0)))]
    if trained.second is not None:
        rows.append(_measured(variant, (trained.first, trained.second), held.detector(trained, EVEN)))
    return rows


def _measured(variant: Compared, stages: tuple[torch.nn.Module, ...], detector: RpnDetector) -> Variant:
    held = _held[0]
    plan = EvaluationPlan(copies=2, degradations=())
    started = time.monotonic()
    fold = evaluate_fold(detector, held.left_out(variant.member), held.material.strange_shapes, plan)
    seconds = (time.monotonic() - started) / len(fold.readings)
    matches = [r.match for r in fold.readings if r.shown == AS_IS]
    parameters = sum(p.numel() for network in stages for p in network.parameters())
    name = variant.name if len(stages) == 1 else f"{variant.name}, second stage"
    return Variant(name, parameters, variant.member.first.steps, seconds, cpm(matches), sensitivity_at(matches, 1.0))
