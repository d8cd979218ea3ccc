"""Blending, sampling and the training loop, on small made-up scans."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from cad.domain import Composition
from models.detector.rpn3d import Rpn3d, RpnConfig
from models.training.detector.network import false_marks, fit, new_rpn, quality_loss
from models.training.detector.patches import (
    PATCH,
    Background,
    Lesion,
    Mixture,
    PatchStream,
    Source,
    _blended_shape,
    _plain_patch,
    draw_patch,
    targets_of,
)
from models.training.detector.plan import DetectorRecipe
from models.training.loop import PhaseRecipe, learning_rate_at, resume, save
from models.training.material.blend import Optics, blend, is_visible, overlap, render
from models.training.material.scans import unlabelled_places
from models.training.material.shapes import NoduleShape, split_by_patient
from models.training.material.sites import sites_of

TINY = RpnConfig(channels=(4, 4, 4, 8, 8), blocks=(1, 1, 1))
OPTICS = Optics(in_plane_sigma_mm=0.4, axial_sigma_mm=0.4, noise_hu=5.0)


def _ball(diameter_mm: float, patient: str = "A") -> NoduleShape:
    side = int(diameter_mm) + 7
    axis = np.arange(side) - (side - 1) / 2
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij")
    solid = np.clip(diameter_mm / 2 - np.sqrt(k**2 + j**2 + i**2) + 0.5, 0, 1).astype(np.float32)
    return NoduleShape(patient, solid, solid, diameter_mm, 5.0)


def _background() -> Background:
    rng = np.random.default_rng(0)
    hu = rng.normal(-860, 15, (90, 90, 90)).astype(np.int16)
    hu[:, :, :8] = 40
    lungs = np.ones(hu.shape, dtype=np.uint8)
    lungs[:, :, :8] = 0
    return Background("phantom", hu, lungs, (Lesion((70.0, 70.0, 70.0), 9.0),), (), OPTICS, sites_of(hu, lungs, 0))


def test_a_rendered_nodule_has_the_diameter_it_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    for asked in (5.0, 9.0, 14.0):
        nodule = render(_ball(9.0), Composition.SOLID, asked, OPTICS, rng)
        assert nodule.diameter_mm == pytest.approx(asked, rel=0.06)


def test_a_blended_solid_nodule_is_soft_tissue_inside_and_lung_outside() -> None:
    hu = np.full((60, 60, 60), -860.0, dtype=np.float32)
    rng = np.random.default_rng(2)
    nodule = render(_ball(9.0), Composition.SOLID, 12.0, OPTICS, rng)
    corner = tuple(30 - n // 2 for n in nodule.opacity.shape)
    blend(hu, nodule, (corner[0], corner[1], corner[2]), OPTICS, rng)
    assert hu[28:32, 28:32, 28:32].mean() > -120
    assert hu[30, 30, 5] == -860


def test_a_ground_glass_nodule_lets_a_vessel_show_through() -> None:
    hu = np.full((60, 60, 60), -860.0, dtype=np.float32)
    hu[30, 30, :] = 50
    rng = np.random.default_rng(3)
    nodule = render(_ball(9.0), Composition.GROUND_GLASS, 14.0, OPTICS, rng)
    corner = tuple(30 - n // 2 for n in nodule.opacity.shape)
    blend(hu, nodule, (corner[0], corner[1], corner[2]), OPTICS, rng)
    assert hu[30, 30, 30] >= 50
    assert -800 < hu[27:33, 33:35, 27:33].mean() < -300


def test_a_nodule_that_hangs_over_the_edge_is_cut_and_raises_nothing() -> None:
    hu = np.full((20, 20, 20), -860.0, dtype=np.float32)
    rng = np.random.default_rng(4)
    nodule = render(_ball(9.0), Composition.SOLID, 9.0, OPTICS, rng)
    blend(hu, nodule, (-12, -5, 15), OPTICS, rng)
    blend(hu, nodule, (100, 0, 0), OPTICS, rng)
    assert hu.shape == (20, 20, 20)


def test_no_patient_is_in_both_parts_of_a_split() -> None:
    shapes = [_ball(6.0, patient=f"P{n % 17}") for n in range(60)]
    train, held = split_by_patient(shapes, 0.25, seed=5)
    assert not {s.patient for s in train} & {s.patient for s in held}
    assert len(train) + len(held) == 60


def test_patches_are_deterministic_by_seed_and_of_the_right_size() -> None:
    source = Source((_background(),), (_ball(8.0),), ())
    first, second = (draw_patch(source, np.random.default_rng(9)) for _ in range(2))
    assert first.hu.shape == (PATCH,) * 3
    assert np.array_equal(first.hu, second.hu)
    assert first.lesions == second.lesions


def test_blended_patches_name_what_they_contain() -> None:
    healthy = replace(_background(), lesions=())
    source = Source((healthy,), (_ball(8.0),), (), Mixture(blended=1.0, real=0.0, hard=0.0))
    rng = np.random.default_rng(11)
    bright = []
    for _ in range(12):
        patch = draw_patch(source, rng)
        for lesion in patch.lesions:
            if lesion.diameter_mm > 6 and all(6 < c < PATCH - 6 for c in lesion.centre):
                k, j, i = (round(c) for c in lesion.centre)
                bright.append(patch.hu[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].mean() > -800)
    assert len(bright) > 3
    assert all(bright)


def test_the_learning_rate_warms_up_and_decays() -> None:
    recipe = PhaseRecipe(steps=1000, warm_up=100, learning_rate=1e-3)
    rates = [learning_rate_at(s, recipe) for s in range(1001)]
    assert rates[0] == pytest.approx(1e-5)
    assert max(rates) == pytest.approx(1e-3)
    assert rates[1000] == pytest.approx(2e-5)
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))


def test_training_lowers_the_loss_and_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    source = Source((_background(),), (_ball(10.0),), ())
    recipe = PhaseRecipe(steps=4, batch=2, mine_every=2, warm_up=1)
    checkpoint = tmp_path / "run.pt"
    fit(source, TINY, recipe, new_rpn(TINY, recipe, torch.device("cpu")), checkpoint)
    again = new_rpn(TINY, recipe, torch.device("cpu"))
    network = fit(source, TINY, recipe, again, checkpoint)
    assert again.step == 4
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_the_stream_yields_what_the_loss_expects() -> None:
    stream = iter(PatchStream(Source((_background(),), (_ball(8.0),), ()), TINY, seed=1))
    image, heat, weight, geometry, geometry_weight = next(stream)
    cells = PATCH // 4
    assert image.shape == (1, PATCH, PATCH, PATCH)
    assert heat.shape == weight.shape == geometry_weight.shape == (cells,) * 3
    assert geometry.shape == (4, cells, cells, cells)
    assert image.abs().max() <= 1


def test_the_quality_loss_is_least_where_the_score_is_the_heat() -> None:
    heat = torch.tensor([0.0, 0.3, 0.7, 1.0]).reshape(1, 1, 2, 2)
    weight = torch.ones_like(heat)
    right = torch.logit(heat.clamp(1e-4, 1 - 1e-4))
    least = quality_loss(right, heat, weight)
    for shift in (-0.5, 0.5):
        assert quality_loss(right + shift, heat, weight) > least


@pytest.mark.parametrize(
    ("background_hu", "composition", "seen"),
    [
        (-860, Composition.SOLID, True),
        (-860, Composition.GROUND_GLASS, True),
        (40, Composition.SOLID, False),
        (40, Composition.GROUND_GLASS, False),
        (40, Composition.CALCIFIED, True),
        (-640, Composition.GROUND_GLASS, False),
    ],
)
def test_a_nodule_is_seen_where_it_stands_out(background_hu: int, composition: Composition, seen: bool) -> None:
    before = np.full((40, 40, 40), float(background_hu), dtype=np.float32)
    rng = np.random.default_rng(12)
    nodule = replace(render(_ball(9.0), composition, 10.0, OPTICS, rng))
    nodule.target_hu[:] = {"solid": 20.0, "ground-glass": -600.0, "calcified": 400.0}[composition.value]
    corner = tuple(20 - n // 2 for n in nodule.opacity.shape)
    after = before.copy()
    blend(after, nodule, (corner[0], corner[1], corner[2]), OPTICS, rng)
    there, here = overlap(before.shape, corner, nodule.opacity.shape)
    assert is_visible(before[there], after[there], nodule.opacity[here]) == seen
    half_swallowed = before.copy()
    half_swallowed[:, :, 20:] = 40
    if composition is not Composition.CALCIFIED:
        after = half_swallowed.copy()
        blend(after, nodule, (corner[0], corner[1], corner[2]), OPTICS, rng)
        assert not is_visible(half_swallowed[there], after[there], nodule.opacity[here])


def test_unlabelled_places_are_neither_target_nor_background_nor_mined() -> None:
    place = Lesion((40.0, 45.0, 45.0), 10.0)
    background = replace(_background(), lesions=(), unlabelled=(place,))
    patch = _plain_patch(background, place.centre, (PATCH,) * 3)
    assert (patch.lesions, [s.diameter_mm for s in patch.unsure]) == ((), [10.0])
    targets = targets_of(patch)
    assert targets.heat.max() == 0
    assert targets.weight.min() == 0
    always = Rpn3d(TINY).eval()
    torch.nn.init.constant_(cast(torch.Tensor, list(always.head.children())[-1].bias), 3.0)
    marks = np.array(false_marks(always, TINY, background, -100.0))
    assert len(marks)
    assert np.linalg.norm(marks - place.centre, axis=1).min() > 9.0
    assert set(unlabelled_places()) <= {p for fold in DetectorRecipe().folds for p in fold}


def test_what_cannot_be_seen_is_no_target_and_leaves_no_trace() -> None:
    wall = np.full((40, 40, 40), 40, dtype=np.float32)
    kind = ((replace(_ball(8.0), texture=1.0),), replace(OPTICS, noise_hu=0.0))
    for seed in range(20):
        box = wall.copy()
        added = _blended_shape(box, (20.0, 20.0, 20.0), 8.0, kind, np.random.default_rng(seed))
        assert added or np.array_equal(box, wall)
        if added:
            assert box.max() > 200


def test_a_training_goes_on_from_a_compact_checkpoint_that_was_kept(tmp_path: Path) -> None:
    recipe = PhaseRecipe(steps=4, batch=2, mine_every=4, save_every=2, warm_up=1)
    state = new_rpn(TINY, recipe, torch.device("cpu"))
    state.step = 3
    save(state, tmp_path / "run.pt")
    (tmp_path / "run.pt").unlink()
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "run.safetensors").rename(kept / "run.safetensors")
    again = new_rpn(TINY, recipe, torch.device("cpu"))
    resume(again, tmp_path / "run.pt", kept)
    assert again.step == 3
    for name, tensor in again.network.state_dict().items():
        assert torch.allclose(tensor.float(), state.average.state_dict()[name].float(), rtol=1e-3, atol=1e-6)
    other = new_rpn(replace(TINY, channels=(4, 4, 8, 8, 8)), recipe, torch.device("cpu"))
    resume(other, tmp_path / "run.pt", kept)
    assert other.step == 0
