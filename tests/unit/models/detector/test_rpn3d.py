"""The network's output geometry, decoding and suppression."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given, strategies as st

from models.detector.rpn3d import Mirrored, Proposal, Rpn3d, RpnConfig, decode, fold, normalise, suppress
from models.training.detector.patches import Lesion, Patch, targets_of

TINY = RpnConfig(channels=(4, 4, 4, 8, 8), blocks=(1, 1, 1))


def test_one_cell_answers_for_four_voxels() -> None:
    network = Rpn3d(TINY).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 32, 48, 64)).shape == (2, 5, 8, 12, 16)


def test_normalised_maps_the_window_to_minus_one_and_one() -> None:
    hu = torch.tensor([-2000.0, -1000.0, -300.0, 400.0, 3000.0])
    assert normalise(hu, RpnConfig()).tolist() == pytest.approx([-1, -1, 0, 1, 1])


@given(st.tuples(*[st.floats(6, 57)] * 3), st.floats(3.0, 30.0))
def test_decoding_the_targets_gives_the_lesion_back(centre: tuple[float, float, float], diameter_mm: float) -> None:
    targets = targets_of(Patch(torch.zeros(1).numpy(), (Lesion(centre, diameter_mm),), ()))
    logits = torch.logit(targets.heat.clamp(1e-4, 1 - 1e-4))
    proposals = decode(torch.cat([logits[None], targets.geometry]), min_logit=3.0)
    assert len(proposals) == 1
    assert proposals[0].centre == pytest.approx(centre, abs=1e-3)
    assert proposals[0].diameter == pytest.approx(diameter_mm, rel=1e-4)


def test_unsure_places_and_cut_lesions_have_no_weight() -> None:
    patch = Patch(torch.zeros(1).numpy(), (Lesion((-3.0, 30.0, 30.0), 10.0),), (Lesion((32.0, 32.0, 32.0), 12.0),))
    targets = targets_of(patch)
    assert targets.heat.max() == 0
    assert targets.weight[8, 8, 8] == 0
    assert targets.weight[0, 7, 7] == 0
    assert targets.weight[15, 15, 15] == 1


def test_a_worse_proposal_inside_a_better_one_is_suppressed() -> None:
    best, inside, apart = (
        Proposal((10.0, 10.0, 10.0), 10.0, 3.0),
        Proposal((13.0, 10.0, 10.0), 4.0, 1.0),
        Proposal((30.0, 10.0, 10.0), 4.0, 0.0),
    )
    assert suppress([apart, inside, best], 9) == [best, apart]
    assert suppress([apart, inside, best], 1) == [best]


def test_a_maximum_counts_only_in_the_cells_that_are_asked_for() -> None:
    output = torch.full((5, 8, 8, 8), -9.0)
    output[1:] = 0.0
    output[0, 2, 2, 2], output[0, 6, 6, 6] = 1.0, 2.0
    within = torch.zeros(8, 8, 8, dtype=torch.bool)
    within[:4] = True
    assert [p.logit for p in decode(output, 0.0)] == [1.0, 2.0]
    assert [p.logit for p in decode(output, 0.0, within)] == [1.0]


def test_folding_the_normalisation_changes_nothing() -> None:
    torch.manual_seed(5)
    network = Rpn3d(TINY)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
            module.running_mean = torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.5
    x = torch.randn(1, 1, 32, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(network.eval()(x), fold(network)(x), atol=1e-4)
    assert not any(isinstance(m, torch.nn.BatchNorm3d) for m in fold(network).modules())


def test_the_same_seed_and_input_give_the_same_output() -> None:
    outputs = []
    for _ in range(2):
        torch.manual_seed(7)
        with torch.inference_mode():
            outputs.append(Rpn3d(TINY).eval()(torch.ones(1, 1, 16, 16, 16)))
    assert torch.equal(outputs[0], outputs[1])


def test_what_a_mirrored_network_says_does_not_depend_on_the_side() -> None:
    torch.manual_seed(3)
    network = Rpn3d(TINY).eval()
    torch.nn.init.normal_(cast(torch.Tensor, list(network.head.children())[-1].weight), std=0.3)
    mirrored = Mirrored(network)
    x = torch.randn(1, 1, 32, 48, 64)
    with torch.inference_mode():
        here, there = decode(mirrored(x)[0], -100.0), decode(mirrored(x.flip(-1))[0], -100.0)
        assert not torch.allclose(network(x), network(x.flip(-1)).flip(-1), atol=1e-3)
    assert len(here) == len(there) > 3
    back = sorted((round(p.centre[0], 2), p.centre[1], 63 - p.centre[2], p.logit, p.diameter) for p in there)
    for mine, theirs in zip(
        sorted((round(p.centre[0], 2), *p.centre[1:], p.logit, p.diameter) for p in here), back, strict=True
    ):
        assert mine == pytest.approx(theirs, abs=2e-2)
