"""Who learns from what: no member sees a patient that it leaves out, and every scan is left out once."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cad.domain import LungMask, PointLps, Volume
from cad.geometry import grid_from
from models.detector.detector import DETECTOR_NAME, load_detector
from models.detector.rpn3d import RpnConfig
from models.running import cards
from models.running.cards import Score
from models.training.detector.evaluation import EvaluationPlan
from models.training.detector.members import Material, Member, load_member, source_of, train_member
from models.training.detector.patches import Background, patient_of
from models.training.detector.plan import ROOT_A, ROOT_B, SHIPPED, DetectorRecipe, TrainingData, branches, roots
from models.training.detector.training import compare_variants, read_variants, train_detector, variants_of
from models.training.loop import PhaseRecipe, Place
from models.training.material.scans import LabelledNodule, TrainingScan
from models.training.material.shapes import NoduleShape
from tests.networks.training.detector.test_training import _background, _ball

TINY = RpnConfig(channels=(4, 4, 4, 8, 8), blocks=(1, 1, 1))
BRIEF = PhaseRecipe(steps=2, batch=2, warm_up=1)
PATIENTS = ("A", "B", "C", "D")
RECIPE = DetectorRecipe(
    config=TINY,
    half=("A", "B"),
    folds=(("A",), ("B",), ("C", "D")),
    root=BRIEF,
    branch=BRIEF,
    shipped=BRIEF,
    compared=BRIEF,
    evaluation_patients=0.5,
    phantoms=(),
    plan=EvaluationPlan(copies=1, nodules=2, degradations=("3 mm slices",)),
)


def _named(name: str) -> Background:
    return replace(_background(), name=name)


MATERIAL = Material(
    tuple(_named(p) for p in PATIENTS),
    (_named("A_0"), _named("phantom-1")),
    (_ball(8.0, "A"), _ball(9.0, "B"), _ball(7.0, "X")),
    (_ball(8.0, "Y"),),
)


def test_a_member_draws_from_no_scan_crop_or_shape_of_a_patient_it_leaves_out() -> None:
    source = source_of(MATERIAL, ("A", "C"))
    assert [b.name for b in source.backgrounds] == ["B", "D", "phantom-1"]
    assert [s.patient for s in source.shapes] == ["B", "X"]


@pytest.mark.parametrize(("recipe", "patients"), [(RECIPE, PATIENTS), (DetectorRecipe(), None)])
def test_what_a_member_leaves_out_its_parent_never_saw(
    recipe: DetectorRecipe, patients: tuple[str, ...] | None
) -> None:
    everyone = patients or tuple(p for fold in recipe.folds for p in fold)
    parents = {m.name: m for m in roots(recipe, everyone)}
    assert set(parents) == {ROOT_A, ROOT_B}
    assert set(parents[ROOT_A].left_out) | set(parents[ROOT_B].left_out) == set(everyone)
    for member in branches(recipe):
        assert set(member.left_out) <= set(parents[member.parent or ""].left_out)


def test_every_scan_is_left_out_by_one_fold() -> None:
    recipe = DetectorRecipe()
    left_out = [p for member in branches(recipe) for p in member.left_out]
    assert len(left_out) == len(set(left_out)) == 11
    assert set(recipe.half) < set(left_out)


def test_a_branch_goes_on_from_its_parent(tmp_path: Path) -> None:
    material = replace(MATERIAL, scans=MATERIAL.scans[:2])
    parent = train_member(Member("p", ("B",), BRIEF), material, TINY, tmp_path, torch.device("cpu"))
    still = replace(BRIEF, learning_rate=0.0)
    child = train_member(Member("c", ("B",), still, parent="p"), material, TINY, tmp_path, torch.device("cpu"))
    for mine, theirs in zip(child.parameters(), parent.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert torch.equal(next(load_member("c", TINY, tmp_path).parameters()), next(child.parameters()))


def test_variants_differ_in_loss_or_width_and_see_none_of_the_scans_that_measure_them() -> None:
    variants = variants_of(RECIPE, ("C", "D"))
    assert len({(v.member.recipe.loss, v.config.channels) for v in variants}) == len(variants) >= 3
    assert len({v.member.name for v in variants}) == len(variants)
    assert all(v.member.left_out == ("C", "D") for v in variants)


def _scan(name: str, seed: int) -> TrainingScan:
    hu = np.random.default_rng(seed).normal(-860, 12, (72, 72, 72))
    lungs = np.zeros(hu.shape, dtype=np.uint8)
    lungs[5:67, 5:67, 5:67] = LungMask.RIGHT
    hu[lungs == 0] = 40
    axes = np.ogrid[:72, :72, :72]
    hu[sum((a - 50) ** 2 for a in axes) < 16] = 30
    grid = grid_from(hu.shape, (1.0, 1.0, 1.0), PointLps(0, 0, 0))
    nodule = LabelledNodule(PointLps(50, 50, 50), 8.0, sure=True)
    return TrainingScan(name, Volume(hu.astype(np.int16), grid, "f"), LungMask(lungs, grid), 1.0, (nodule,), "B30f")


@pytest.mark.slow
def test_a_whole_training_gives_a_detector_with_its_card_and_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[NoduleShape] = [_ball(d, f"P{n % 6}") for n, d in enumerate((6.0, 8.0, 11.0, 15.0, 21.0) * 6)]
    data = TrainingData(tuple(_scan(p, n) for n, p in enumerate(PATIENTS)), (), tuple(shapes))
    out, docs = tmp_path / "out", tmp_path / "docs"
    place = Place(out, "cpu", 2)
    compare_variants(data, RECIPE, place)
    card = train_detector(data, RECIPE, place, docs)
    measured = tomllib.loads(card.read_text())["measured"]
    assert measured["scans"] == list(PATIENTS)
    assert measured["scan_copies"] == 4
    assert len(measured["variants"]) == len(read_variants(out)) == 3
    assert [s["name"] for s in measured["strata"] if s["group"] == "kernel"] == ["B30f"]
    assert (docs / "detector.md").exists()
    written = {f.name: f.stat().st_mtime_ns for f in out.glob("*.pt")}
    assert train_detector(data, RECIPE, place, docs).read_text() == card.read_text()
    assert {f.name: f.stat().st_mtime_ns for f in out.glob("*.pt")} == written
    monkeypatch.setattr(cards, "CARDS", out)
    monkeypatch.setattr(cards, "WEIGHTS", out)
    detector = load_detector("cpu")
    assert detector.identity.name == DETECTOR_NAME
    assert isinstance(detector.card.score, Score)
    assert {patient_of(b) for b in MATERIAL.scans} == set(PATIENTS)
    assert f"{SHIPPED}.pt" in written
