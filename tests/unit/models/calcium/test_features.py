"""Features by arithmetic, and what the classifier makes of probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cad.domain import Artery, Heart, Mask, NoduleMask, OtherCalcium, PointLps, Volume
from cad.geometry import grid_from
from models.calcium.atlas import densify, read_drawings
from models.calcium.classifier import SITES, SiteClassifier, load_classifier
from models.calcium.features import NAMES, Blood, affine_map, features_of, looks_of, place_of
from models.calcium.frames import HeartMap
from models.calcium.reader import load_calcium_reader
from models.training.calcium.traces import read_traces
from tests.made.calcium_chests import COURSES, FRAME, an_atlas

GRID = grid_from((20, 60, 60), (3.0, 1.0, 1.0), PointLps(0.0, 0.0, 0.0))
TURN = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
MOVED = np.array([12.0, -40.0, 300.0])


def a_heart(turn: np.ndarray, moved: np.ndarray) -> Heart:
    """A heart that is known by its courses alone."""
    nothing = Mask(np.zeros(GRID.shape, dtype=np.bool_), GRID)
    courses = tuple((a, densify(np.array(p, dtype=np.float64)) @ turn.T + moved) for a, p in COURSES.items())
    return Heart(nothing, nothing, nothing, courses, 1.0)


def a_lesion(k: int, j: int, i: int, voxels: tuple[int, int, int] = (1, 2, 2)) -> NoduleMask:
    return NoduleMask(np.ones(voxels, dtype=np.bool_), (k, j, i), GRID)


def a_volume(surroundings_hu: int = -90, calcium_hu: int = 400) -> Volume:
    hu = np.full(GRID.shape, surroundings_hu, dtype=np.int16)
    hu[10, 30:32, 30:32] = calcium_hu
    return Volume(hu, GRID, "1.2")


def test_a_heart_known_by_its_courses_alone_gives_its_coordinates() -> None:
    found = affine_map(a_heart(TURN, MOVED), an_atlas())
    places = torch.tensor([[0.0, 0.0, 0.0], [30.0, -20.0, 10.0]])
    expected = places.numpy() @ TURN.T + MOVED
    assert found.to_patient(places).numpy() == pytest.approx(expected, abs=0.5)


def test_distances_to_arteries_are_those_in_the_frame() -> None:
    atlas = an_atlas()
    heart = a_heart(np.eye(3), np.zeros(3))
    look = looks_of(a_volume(), Blood(40, 10), [a_lesion(10, 30, 30)])[0]
    origin = np.array(COURSES[Artery.RCA][0], dtype=np.float64)
    moved = type(look)(origin + np.array([-6.0, 0.0, 0.0]), look.features)
    row = dict(zip(NAMES, features_of(place_of(heart, atlas), atlas, [moved])[0], strict=True))
    expected = np.linalg.norm(dict(atlas.courses)[Artery.RCA] - moved.centre, axis=1).min() / 10
    assert row["to RCA"] == pytest.approx(expected, abs=0.05)
    assert row["along RCA"] < 0.1
    assert row["to LCX"] > row["to RCA"]


def test_a_lesion_in_fat_is_seen_in_fat_and_its_size_and_peak_are_read() -> None:
    look = looks_of(a_volume(surroundings_hu=-90), Blood(40, 20), [a_lesion(10, 30, 30)])[0]
    row = dict(zip(NAMES[-len(look.features) :], look.features, strict=True))
    assert row["fat about"] == 1.0
    assert row["peak"] == pytest.approx(400 / 400)
    assert row["log volume"] == pytest.approx(np.log(4 * 3.0) / 3)
    assert row["above noise"] == pytest.approx((400 - 40) / 20 / 10)
    assert look.centre == pytest.approx([30.5, 30.5, 30.0])
    muscle = looks_of(a_volume(surroundings_hu=40), Blood(40, 20), [a_lesion(10, 30, 30)])[0]
    assert dict(zip(NAMES[-len(look.features) :], muscle.features, strict=True))["muscle about"] == 1.0


def test_no_lesions_have_no_sites() -> None:
    assert load_calcium_reader().sites(a_volume(), a_heart(np.eye(3), np.zeros(3)), ()) == ()


class _Fixed(torch.nn.Module):
    def __init__(self, probabilities: dict[str, float]) -> None:
        super().__init__()
        self.logits = torch.log(torch.tensor([probabilities.get(site, 1e-6) for site in SITES]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1)


def test_a_lesion_is_coronary_when_the_arteries_together_are_likely() -> None:
    features = np.zeros((1, len(NAMES)), dtype=np.float32)
    scale = torch.ones(len(NAMES))

    def site(probabilities: dict[str, float], threshold: float) -> tuple[object, float]:
        members = (_Fixed(probabilities),)
        return SiteClassifier(members, torch.zeros(len(NAMES)), scale, threshold).sites(features)[0]  # type: ignore[arg-type]

    split = {"LM": 0.25, "LAD": 0.35, "aorta": 0.4}
    assert site(split, 0.5)[0] is Artery.LAD
    assert site(split, 0.7)[0] is OtherCalcium.AORTA
    assert site(split, 0.7)[1] == pytest.approx(0.4, abs=1e-3)


def test_the_shipped_classifier_is_the_one_of_its_card_and_reads_every_feature() -> None:
    classifier, identity = load_classifier()
    assert identity.name == "calcium"
    found = classifier.probabilities(np.zeros((3, len(NAMES)), dtype=np.float32))
    assert found.shape == (3, len(SITES))
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_every_drawn_branch_starts_at_the_course_of_its_artery() -> None:
    atlas = load_calcium_reader().atlas
    for artery, branch in read_drawings().branches:
        assert np.linalg.norm(dict(atlas.courses)[artery] - branch[0], axis=1).min() < 10


def test_left_arteries_start_where_the_main_stem_ends_in_every_trace() -> None:
    for courses in read_traces().values():
        for artery in (Artery.LAD, Artery.LCX):
            assert courses[artery][0] == pytest.approx(courses[Artery.LM][-1])


def test_a_map_and_its_inverse_cancel() -> None:
    rng = np.random.default_rng(0)
    coarse = torch.tensor(rng.normal(0, 3, (1, 3, 4, 4, 4)), dtype=torch.float32)
    shift = torch.nn.functional.interpolate(coarse, size=FRAME.shape, mode="trilinear")[0]
    found = HeartMap(FRAME, torch.tensor(TURN, dtype=torch.float32), torch.tensor(MOVED, dtype=torch.float32), shift)
    places = torch.tensor(rng.uniform(-60, 60, (50, 3)), dtype=torch.float32)
    assert found.to_frame(found.to_patient(places)).numpy() == pytest.approx(places.numpy(), abs=0.05)
