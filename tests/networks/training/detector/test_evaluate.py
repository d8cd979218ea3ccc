"""Evaluation of a fold and the pooling of folds, with a detector that marks what is bright."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from cad.domain import Candidate, LungMask, ModelIdentity, PointLps, Volume
from cad.geometry import sphere_diameter_mm
from cad.qa.froc import Reference, ScanMatch
from models.training.detector.evaluation import (
    AS_IS,
    NATURAL,
    CopyResult,
    EvaluationPlan,
    FoldResult,
    Strangers,
    evaluate_fold,
)
from models.training.detector.patches import Background, Lesion
from models.training.detector.report import document_text, measured_lines
from models.training.detector.summary import summary
from models.training.material.blend import Optics
from models.training.material.scans import Protocol
from models.training.material.shapes import NoduleShape
from models.training.material.transplants import Transplant

PLAN = EvaluationPlan(copies=2, nodules=3, seed=1, degradations=("3 mm slices",))


class BrightThings:
    """Marks every connected bright thing in the lungs; larger things score higher."""

    identity = ModelIdentity("bright", "0", "-")
    default_min_score = 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        labels, count = ndimage.label((volume.hu > -720) & (lungs.labels > 0))
        names = np.arange(1, count + 1)
        sizes = np.bincount(labels.ravel())[1:]
        marks = []
        for size, (k, j, i) in zip(sizes, ndimage.center_of_mass(labels > 0, labels, names), strict=True):
            score = float(size / (size + 100))
            if score >= min_score:
                marks.append(Candidate(PointLps(i, j, k), sphere_diameter_mm(float(size)), score, "bright"))
        return tuple(marks)


def _ball(diameter_mm: float, patient: str = "shapes") -> NoduleShape:
    axis = np.arange(int(diameter_mm) + 7) - (int(diameter_mm) + 6) / 2
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij")
    solid = np.clip(diameter_mm / 2 - np.sqrt(k**2 + j**2 + i**2) + 0.5, 0, 1).astype(np.float32)
    return NoduleShape(patient, solid, solid, diameter_mm, 5.0)


SHAPES = tuple(_ball(d) for d in (6.0, 9.0, 14.0))


def _background(name: str, seed: int = 0) -> Background:
    hu = np.random.default_rng(seed).normal(-860, 12, (90, 90, 90)).astype(np.int16)
    lungs = np.zeros(hu.shape, dtype=np.uint8)
    lungs[5:85, 5:85, 5:85] = LungMask.RIGHT
    hu[lungs == 0] = 40
    axis = np.ogrid[:90, :90, :90]
    hu[sum((a - 70) ** 2 for a in axis) < 16] = 30
    return Background(name, hu, lungs, (Lesion((70.0, 70.0, 70.0), 8.0),), (), Optics(0.4, 0.8, 5.0))


@pytest.fixture(scope="module")
def fold() -> FoldResult:
    return evaluate_fold(BrightThings(), [_background("A", 0), _background("B", 1)], Strangers(SHAPES), PLAN)


def test_every_copy_is_read_as_it_is_and_degraded_and_every_scan_once_as_found(fold: FoldResult) -> None:
    shown = [(r.scan, r.shown) for r in fold.readings]
    assert shown.count(("A", AS_IS)) == shown.count(("A", "3 mm slices")) == 2
    assert shown.count(("B", NATURAL)) == 1


def test_the_references_are_where_a_detector_finds_the_nodules(fold: FoldResult) -> None:
    hits = [h for r in fold.readings if r.shown == AS_IS for h in r.match.hits]
    assert len(hits) + len(fold.dropped) == 2 * 2 * 3
    assert np.mean([h is not None for h in hits]) > 0.7


def test_degraded_copies_hold_the_same_nodules(fold: FoldResult) -> None:
    plain = [r.match.references for r in fold.readings if r.shown == AS_IS]
    degraded = [r.match.references for r in fold.readings if r.shown == "3 mm slices"]
    assert plain == degraded


def test_all_readings_of_a_patient_are_one_cluster(fold: FoldResult) -> None:
    assert {r.match.cluster for r in fold.readings if r.scan == "A"} == {"A"}


def test_marks_on_unlabelled_places_are_ignored_and_counted_apart() -> None:
    plan = replace(PLAN, copies=1, nodules=0, degradations=())
    plain = replace(_background("A"), lesions=())
    known = replace(plain, unlabelled=(Lesion((70.0, 70.0, 70.0), 8.0),))
    for reading in evaluate_fold(BrightThings(), [known], Strangers(SHAPES), plan).readings:
        others = evaluate_fold(BrightThings(), [plain], Strangers(SHAPES), plan).readings
        before = next(r for r in others if r.shown == reading.shown)
        assert len(reading.on_unlabelled) == 1
        assert len(reading.match.false_scores) == len(before.match.false_scores) - 1
        assert reading.strict.false_scores == before.match.false_scores == before.strict.false_scores
        assert reading.match.references == ()


def test_a_result_survives_the_way_through_json(fold: FoldResult) -> None:
    assert FoldResult.from_json(fold.to_json()) == fold


def _whole(diameter_mm: float, texture: float, patient: str = "others") -> Transplant:
    """A bright ball in lung, as a whole nodule."""
    solid = _ball(diameter_mm).solid
    inside = ndimage.binary_dilation(solid > 0.5, iterations=2)
    hu = np.where(solid > 0.5, -100.0, -860.0).astype(np.float32)
    size = sphere_diameter_mm(float(solid.sum()))
    return Transplant(patient, hu, inside.astype(np.float32), solid, size, lung_hu=-860.0, wall=0.0, texture=texture)


WHOLES = tuple(_whole(d, t) for d in (4.5, 5.5, 7.0, 9.0, 12.0, 16.0, 22.0, 27.0) for t in (1.0, 3.0, 5.0))


def test_whole_nodules_are_measured_beside_the_outlines_and_apart() -> None:
    plan = replace(PLAN, nodules=6)
    strangers = Strangers(SHAPES, WHOLES)
    fold = evaluate_fold(BrightThings(), [_background("A", 0), _background("B", 1)], strangers, plan)
    assert {r.shown for r in fold.whole} == {AS_IS}
    assert len(fold.whole) == 2 * plan.copies
    references = [reference for r in fold.whole for reference in r.match.references]
    assert len(references) > 8
    assert {reference.kind for reference in references} <= {"solid", "part-solid", "ground-glass"}
    assert np.mean([hit is not None for r in fold.whole for hit in r.match.hits]) > 0.7
    assert FoldResult.from_json(fold.to_json()) == fold
    found = summary([fold, replace_scans(fold)], 0)
    assert found.whole is not None
    assert found.whole.nodules == 2 * len(references)
    assert found.whole.whole is None
    text = document_text(found, ())
    assert "## Whole real nodules" in text
    card = tomllib.loads("\n".join(measured_lines(found, ())))["measured"]
    assert card["whole_nodules"]["nodules"] == found.whole.nodules


def replace_scans(fold: FoldResult) -> FoldResult:
    """The same fold of other scans and patients."""

    def renamed(r: CopyResult) -> CopyResult:
        return replace(r, scan=f"{r.scan}2", match=replace(r.match, cluster=f"{r.match.cluster}2"))

    protocols = {f"{name}2": protocol for name, protocol in fold.protocols.items()}
    return FoldResult(tuple(map(renamed, fold.readings)), protocols, fold.dropped, tuple(map(renamed, fold.whole)))


def test_a_transplant_of_a_left_out_patient_is_refused() -> None:
    with pytest.raises(AssertionError):
        evaluate_fold(BrightThings(), [_background("P1_left")], Strangers((), [_whole(6.0, 5.0, "P1")]), PLAN)


def test_shapes_of_the_left_out_patients_are_refused() -> None:
    with pytest.raises(AssertionError):
        evaluate_fold(BrightThings(), [_background("P1_left")], Strangers([_ball(6.0, "P1")]), PLAN)


def test_protocols_come_from_the_plan_and_else_from_the_blur(fold: FoldResult) -> None:
    assert fold.protocols["A"] == Protocol(2.5, "")
    stated = replace(PLAN, copies=1, nodules=0, degradations=(), protocols={"A": Protocol(1.25, "STANDARD")})
    assert evaluate_fold(BrightThings(), [_background("A")], Strangers(SHAPES), stated).protocols == stated.protocols


def _reading(scan: str, copy: int, hits: tuple[float | None, ...], false: tuple[float, ...], shown: str) -> CopyResult:
    kinds = ("solid", "ground-glass")
    references = tuple(
        Reference(
            PointLps(40.0 * n, 0, 0), 5.0 + 8 * n, kind="real" if shown == NATURAL else kinds[n % 2], location="apical"
        )
        for n in range(len(hits))
    )
    return CopyResult(scan, copy, shown, ScanMatch(references, hits, false, scan))


def _fold_of(scan: str, thickness: float, scores: tuple[tuple[float | None, ...], tuple[float, ...]]) -> FoldResult:
    hits, false = scores
    readings = [_reading(scan, copy, hits, false, AS_IS) for copy in range(2)]
    readings += [_reading(scan, copy, (hits[0], None), false, "sharp kernel") for copy in range(2)]
    readings.append(_reading(scan, 0, (0.7, None), false, NATURAL))
    return FoldResult(tuple(readings), {scan: Protocol(thickness, "STANDARD")}, ())


FOLDS = (
    _fold_of("A", 1.25, ((0.9, 0.6), (0.5, 0.2, 0.1))),
    _fold_of("B", 2.5, ((0.8, 0.5), (0.4, 0.3))),
    _fold_of("C", 10.0, ((0.85, None), (0.65, 0.3))),
)


def test_the_summary_counts_scans_copies_and_nodules_of_all_folds() -> None:
    found = summary(FOLDS, seed=2)
    assert found.scans == ("A", "B", "C")
    assert (found.copies, found.nodules, found.nodules_per_scan) == (6, 12, 2.0)
    assert found.cpm.low <= found.cpm.value <= found.cpm.high


def test_the_default_threshold_lets_one_false_mark_per_scan_pass() -> None:
    found = summary(FOLDS, seed=2)
    assert found.false_marks.value <= 1.0
    assert found.at[0].value == found.at_default.value


def test_strata_hold_every_nodule_once_per_group_and_numbers_are_in_order() -> None:
    found = summary(FOLDS, seed=2)
    for group in ("size", "composition", "location", "slice thickness", "kernel"):
        assert sum(s.nodules for s in found.strata if s.group == group) == 12
    assert [s.name for s in found.strata if s.group == "slice thickness"] == ["1.25 mm", "2.5 mm", "10 mm"]
    assert [s.name for s in found.strata if s.group == "size"] == ["4-6 mm", "10-20 mm"]
    solid = next(s for s in found.strata if s.name == "solid")
    assert solid.at_2.value == 1.0


def test_a_degradation_is_compared_on_the_same_nodules_and_on_thin_sources_alone() -> None:
    both = {e.sources: e for e in summary(FOLDS, seed=2).degradations}
    assert both["all"].change_at_default.value == pytest.approx(-2 / 6)
    assert both["up to 1.5 mm"].scans == 1
    assert both["all"].change_at_1.low <= both["all"].change_at_1.value <= both["all"].change_at_1.high


def test_real_nodules_come_one_by_one_with_their_rank() -> None:
    real = [n for n in summary(FOLDS, seed=2).real if n.scan == "A"]
    assert [n.false_marks_above for n in real] == [0, 3]
    assert real[1].score is None


def test_a_scan_in_two_folds_is_refused() -> None:
    with pytest.raises(ValueError, match="two folds"):
        summary([*FOLDS, FOLDS[0]], seed=2)
