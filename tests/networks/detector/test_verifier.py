"""The second stage: cubes, labels and a few steps of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.detector.rpn3d import Rpn3d
from models.detector.verifier import Verifier, VerifierConfig, cubes_at, verified
from models.training.detector.sampling import Lesion, Patch, Source
from models.training.detector.train import Recipe
from models.training.detector.verifying import VerifierRecipe, drawn_cube, fit_verifier, label_of
from tests.networks.training.detector.test_training import TINY, _background, _ball

SMALL = VerifierConfig(side=24, channels=(4, 4, 8, 8))


def test_a_cube_is_centred_on_its_proposal_and_repeats_edge_voxels() -> None:
    hu = torch.arange(30.0)[:, None, None] * 10000 + torch.arange(30.0)[:, None] * 100 + torch.arange(30.0)
    cube = cubes_at(hu, [(12.0, 13.0, 14.0), (0.0, 29.0, 5.0)], 5)
    assert cube.shape == (2, 1, 5, 5, 5)
    assert cube[0, 0, 2, 2, 2] == 121314
    assert cube[1, 0, 0, 4, 2] == 0 + 2900 + 5


def test_labels_follow_the_hit_rule() -> None:
    hu = np.zeros((25, 25, 25), dtype=np.float32)

    def label(*lesions: Lesion, unsure: tuple[Lesion, ...] = ()) -> tuple[float, float]:
        return label_of(Patch(hu, lesions, unsure))

    assert label(Lesion((12, 12, 14), 6.0)) == (1.0, 1.0)
    assert label(Lesion((12, 12, 17), 6.0)) == (0.0, 0.0)
    assert label(Lesion((12, 12, 22), 6.0)) == (0.0, 1.0)
    assert label(unsure=(Lesion((12, 12, 12), 6.0),)) == (0.0, 0.0)
    assert label() == (0.0, 1.0)


def test_logits_do_not_depend_on_the_batch_they_are_in() -> None:
    torch.manual_seed(1)
    network = Verifier(SMALL).eval()
    hu = torch.randn(40, 40, 40) * 300 - 600
    centres = [(float(n), 20.0, 20.0) for n in range(2, 38)]
    together = verified(network, (TINY, SMALL), hu, centres)
    alone = [verified(network, (TINY, SMALL), hu, [c])[0] for c in centres[::9]]
    assert together[::9] == pytest.approx(alone, abs=1e-5)
    assert verified(network, (TINY, SMALL), hu, []) == []


def test_training_runs_on_the_first_stages_false_marks_and_resumes(tmp_path: Path) -> None:
    torch.manual_seed(2)
    first = (Rpn3d(TINY).eval(), TINY)
    source = Source((_background(),), (_ball(8.0),), ())
    recipe = VerifierRecipe(Recipe(steps=2, batch=4, warm_up=1), SMALL)
    network = fit_verifier(source, first, recipe, torch.device("cpu"), tmp_path / "second.pt")
    again = fit_verifier(source, first, recipe, torch.device("cpu"), tmp_path / "second.pt")
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_cubes_are_seeded_and_hold_nodules_and_none() -> None:
    source = Source((_background(),), (_ball(8.0),), ())
    first, second = (drawn_cube(source, 24, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.hu, second.hu)
    labels = [label_of(drawn_cube(source, 24, np.random.default_rng(n)))[0] for n in range(40)]
    assert 5 < sum(labels) < 35
