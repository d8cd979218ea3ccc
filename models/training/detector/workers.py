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
from models.detector.rpn3d import Rpn3d, RpnConfig
from models.running.cards import DetectorCard, Score, for_inference
from models.running.runtimes import runtime_named
from models.training.detector.evaluation import (
    AS_IS,
    EvaluationPlan,
    FoldResult,
    Strangers,
    evaluate_fold,
)
from models.training.detector.members import Material, Member, train_member
from models.training.detector.patches import Background, patient_of
from models.training.detector.plan import DetectorRecipe
from models.training.detector.report import Variant
from models.training.loop import Place

FLOOR = -6.0
"""Logit below which a proposal is not looked at: no threshold in use lets it pass."""

UNCALIBRATED = Score(1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """A variant: its name, how it is trained, and its architecture."""

    name: str
    member: Member
    config: RpnConfig


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

    def strangers(self) -> Strangers:
        """What is put into left-out scans."""
        return Strangers(self.material.strange_shapes, self.material.strange_transplants)

    def detector(self, network: Rpn3d) -> RpnDetector:
        """The member as a detector, to be measured: its scores are not calibrated."""
        identity = ModelIdentity(DETECTOR_NAME, "in-training", "in-training")
        card = DetectorCard(identity, network.config, UNCALIBRATED, FLOOR, 0.5, mirrored=True)
        runtime = runtime_named("auto", self.place.device)
        return detector_of(runtime, card, for_inference(card, network, runtime.device))


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
    train_member(member, held.material, held.recipe.config, held.place.out, held.device)
    return member


def branch(member: Member) -> FoldResult | None:
    """Trains a member and, unless it leaves out nothing, reads the scans it left out."""
    held = _held[0]
    network = train_member(member, held.material, held.recipe.config, held.place.out, held.device)
    if not member.left_out:
        return None
    file = held.place.out / f"{member.name}.json"
    if not file.exists():
        plan = replace(held.recipe.plan, protocols=held.material.protocols)
        result = evaluate_fold(held.detector(network), held.left_out(member), held.strangers(), plan)
        file.write_text(result.to_json(), encoding="utf-8")
    return FoldResult.from_json(file.read_text(encoding="utf-8"))


def compare(variant: Compared) -> Variant:
    """Trains a variant and measures it on the scans it left out."""
    held = _held[0]
    member = variant.member
    network = train_member(member, held.material, variant.config, held.place.out, held.device)
    plan = EvaluationPlan(copies=2, degradations=())
    started = time.monotonic()
    fold = evaluate_fold(held.detector(network), held.left_out(member), held.strangers(), plan)
    seconds = (time.monotonic() - started) / len(fold.readings)
    matches = [r.match for r in fold.readings if r.shown == AS_IS]
    return Variant(
        variant.name,
        parameters=sum(p.numel() for p in network.parameters()),
        steps=member.recipe.steps,
        seconds_per_scan=seconds,
        cpm=cpm(matches),
        sensitivity_at_1=sensitivity_at(matches, 1.0),
    )
