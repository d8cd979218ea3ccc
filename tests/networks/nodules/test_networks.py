"""The networks that outline and rate one nodule: what they are given, how they learn, and what is read from crops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cad.domain import Candidate, LungMask, PointLps, Volume
from cad.errors import Reason, Refusal
from cad.geometry import dice, grid_from, position_of
from models.nodules.crop_evaluation import CropReading, crop_of, evaluation, measurable, suspicion_of
from models.nodules.folds import FOLDS, MEMBERS, fold_of, honest_member
from models.nodules.inputs import (
    Crop,
    contrast_of_crop,
    contrast_of_hu,
    nodule_slices,
    outline_channels,
    size_facts,
    without_margin,
)
from models.nodules.lidc_crops import RATINGS, RatedNodule, read_crops
from models.nodules.networks import OutlineNet, RatingNet, TrunkConfig
from models.nodules.reader import NoduleNetworks, certainty_of, crop_of as crop_in
from models.training.loop import PhaseRecipe, Place
from models.training.nodules.crop_places import place_crop
from models.training.nodules.outlines import OutlineRecipe, augment, batch_of, extend, groups, sample_of
from models.training.nodules.ratings import RatingRecipe
from models.training.nodules.training import train_outline_member, train_outlines, train_ratings
from tests.made.crops import ball_hu, scaled, write_archive

TINY = TrunkConfig((4, 4, 8, 8))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("crops") / "crops.npz"
    patients = [f"P{n:02d}" for n in range(16)]
    write_archive(file, patients, [1 + 4 * (n % 4 >= 2) for n in range(16)])
    return file


def test_an_archive_is_read_with_its_votes_and_ratings(archive: Path) -> None:
    first, second, *rest = read_crops(archive)
    assert len(rest) == 14
    assert (first.patient, first.readers, first.image.shape) == ("P00", 4, (5, 64, 64))
    assert first.spacing_mm == pytest.approx((1.4, 0.7, 0.7))
    assert first.consensus.sum() == ball_hu(4, 5)[1].sum()
    assert second.mean_rating("spiculation") == 2
    assert suspicion_of(first) is False


@pytest.mark.parametrize("spoil", ["missing", "torn", "shape"])
def test_what_is_no_archive_of_crops_is_refused(archive: Path, tmp_path: Path, spoil: str) -> None:
    arrays = dict(np.load(archive))
    if spoil == "missing":
        del arrays["votes"]
    if spoil == "shape":
        arrays["start"] = arrays["start"][:-1]
    file = tmp_path / "spoilt.npz"
    np.savez(file, **arrays)
    if spoil == "torn":
        file.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(Refusal) as caught:
        read_crops(file)
    assert caught.value.reason is Reason.NOT_NODULE_CROPS


def test_contrast_does_not_depend_on_how_slices_were_scaled() -> None:
    hu, mask = ball_hu(9, 5)
    hu = hu.copy()
    hu[3, 0, 0], hu[1, 5, 60] = 1500, -2048
    from_crop, from_hu = contrast_of_crop(scaled(hu)), contrast_of_hu(hu)
    inner = mask & (np.indices(mask.shape)[1] > 0)
    for contrast in (from_crop, from_hu):
        assert contrast[inner].mean() == pytest.approx(1.0, abs=0.06)
        assert np.median(contrast[:, :, 12:20]) == pytest.approx(0.0, abs=0.02)
    assert np.abs(from_crop - from_hu)[:, 10:].max() < 0.35
    assert np.abs(from_crop - from_hu)[inner].max() < 0.15


def test_a_flat_crop_has_no_contrast() -> None:
    assert not contrast_of_crop(np.full((2, 64, 64), 7, dtype=np.uint8)).any()
    assert not contrast_of_hu(np.full((2, 64, 64), -900, dtype=np.int16)).any()


def test_channels_hold_the_crop_between_empty_slices() -> None:
    contrast = contrast_of_hu(ball_hu(6, 4)[0])
    crop = Crop(contrast, (1.4, 0.7, 0.7), (1.5, 31.5, 31.5))
    channels = outline_channels(crop, (6, 64, 64))
    assert channels.shape == (6, 6, 64, 64)
    assert not channels[:, 0].any()
    assert channels[1, 1:5].all()
    assert np.unravel_index(channels[2].argmax(), channels[2].shape)[1:] in {(31, 31), (32, 32), (31, 32), (32, 31)}
    assert without_margin(channels[1], crop).shape == contrast.shape


def test_size_facts_of_a_cube_follow_from_its_edges() -> None:
    outline = np.zeros((6, 20, 20), dtype=np.float32)
    outline[1:5, 4:12, 4:12] = 1
    diameter, flat, high, share = size_facts(outline, (2.0, 1.0, 1.0))
    assert np.exp([diameter, flat, high]) * 8 == pytest.approx([(6 / np.pi * 512) ** (1 / 3), 8, 8], rel=1e-5)
    assert np.exp(share) == pytest.approx((6 / np.pi) ** (1 / 3), rel=1e-5)


def test_the_certainty_is_the_overlap_that_the_probabilities_promise() -> None:
    assert certainty_of(np.zeros((2, 3, 3), dtype=np.float32)) == 0
    sure = np.zeros((2, 3, 3), dtype=np.float32)
    sure[0, 1, 1] = 1
    assert certainty_of(sure) == 1
    assert certainty_of(0.6 * sure) == pytest.approx(2 * 0.6 / 1.6)


def test_folds_are_even_and_follow_the_name() -> None:
    counts = np.bincount([fold_of(f"LIDC-IDRI-{n:04d}") for n in range(1, 1011)], minlength=FOLDS)
    assert counts.min() > 200
    assert fold_of("LIDC-IDRI-0001") == fold_of("LIDC-IDRI-0001")


def test_a_crop_is_found_in_its_scan_also_when_it_is_turned_over() -> None:
    rng = np.random.default_rng(3)
    hu = rng.normal(-800, 100, (14, 80, 90)).astype(np.int16)
    write = scaled(hu[4:9, 10:74, 12:76])
    votes = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 64, 64), dtype=np.uint8)
    nodule = replace(_nodule(), image=write[::-1].copy(), votes=votes)
    place = place_crop(nodule, hu)
    assert place is not None
    assert place.corner == (4, 10, 12)
    assert place.votes[:, 0, 0].tolist() == [4, 3, 2, 1, 0]
    assert place_crop(nodule, rng.normal(-800, 100, (14, 80, 90)).astype(np.int16)) is None


def _nodule() -> RatedNodule:
    hu, mask = ball_hu(6, 5)
    ratings = {name: np.array([2.0, 2.0, 3.0, 2.0]) for name in RATINGS}
    return RatedNodule("P", scaled(hu), 4 * mask.astype(np.uint8), (1.4, 0.7, 0.7), 4, ratings)


def test_extended_slices_hold_no_nodule() -> None:
    sample = sample_of(_nodule())
    longer = extend(sample, np.random.default_rng(1))
    added = np.flatnonzero(~longer.target.any(axis=(1, 2)))
    assert len(longer.contrast) - len(sample.contrast) >= 2
    assert longer.contrast[added][:, 28:36, 28:36].max() < 0.5 < sample.contrast[0, 28:36, 28:36].max()


def test_augmentation_keeps_the_nodule_where_its_target_is() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        changed = augment(sample_of(_nodule()), rng)
        inside = changed.target >= 0.5
        assert changed.contrast[inside].mean() > 0.6
        assert changed.contrast.shape == changed.target.shape
        assert changed.spacing_mm[0] in {1.4, 2.8}


@pytest.mark.parametrize("fitting", [True, False])
def test_every_sample_comes_once_in_a_pass_and_fits_a_batch(fitting: bool) -> None:
    samples = [sample_of(_nodule()) for _ in range(70)]
    rng = np.random.default_rng(5)
    found = groups(samples, rng, fitting=fitting)
    assert sorted(n for group in found for n in group.members) == list(range(70))
    assert {group.side for group in found} == ({32} if fitting else {32, 48, 64})
    first = found[0]
    channels, target, counted, weights = batch_of([samples[n] for n in first.members], first.side, rng)
    assert channels.shape[1:] == (6, 7, first.side, first.side)
    assert target.shape == counted.shape == (len(weights), 7, first.side, first.side)
    assert not counted[:, 0].any()


def test_a_member_learns_to_outline_balls_it_has_not_seen(archive: Path, tmp_path: Path) -> None:
    nodules = read_crops(archive)
    recipe = OutlineRecipe(config=TINY, fitting_steps=0, member=PhaseRecipe(steps=150, learning_rate=1e-2, warm_up=5))
    network = train_outline_member([sample_of(n) for n in nodules], recipe, 0, tmp_path / "m.pt", CPU)
    networks = NoduleNetworks((network.eval(),), (), None, (), CPU)
    left_out = [n for n in nodules if fold_of(n.patient) == 0]
    assert left_out
    overlaps = [dice(networks.outline(crop_of(n)) >= 0.5, n.consensus) for n in left_out]
    assert np.mean(overlaps) > 0.8


def test_training_writes_cards_that_can_be_read(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.nodules import cards as nodule_cards

    nodules = read_crops(archive)
    short = PhaseRecipe(steps=2, warm_up=1)
    place = Place(tmp_path / "weights", "cpu", 2)
    outlines = train_outlines([sample_of(n) for n in nodules], nodules, OutlineRecipe(config=TINY, member=short), place)
    monkeypatch.setattr(nodule_cards, "CARDS", place.out)
    monkeypatch.setattr(nodule_cards, "WEIGHTS", place.out)
    card = nodule_cards.read_outline_card()
    members = nodule_cards.load_outline_members(card, CPU)
    assert len(members) == MEMBERS
    assert card.patients == {n.patient for n in nodules}
    assert outlines == place.out / "outline.toml"
    rating_place = replace(place, out=tmp_path / "ratings")
    train_ratings(members, nodules, RatingRecipe(config=TINY, member=short), rating_place)
    monkeypatch.setattr(nodule_cards, "CARDS", rating_place.out)
    monkeypatch.setattr(nodule_cards, "WEIGHTS", rating_place.out)
    rating = nodule_cards.read_rating_card()
    assert rating.calibration.rated.keys() >= {"spiculation", "malignancy"}
    networks = NoduleNetworks(members, nodule_cards.load_rating_members(rating, CPU), rating, (), CPU, card.patients)
    for patient in card.patients:
        honest, member = networks.honest_about(patient), honest_member(patient)
        assert (honest is None) == (member is None)
        assert honest is None or member is None or honest.outlining == (members[member],)
    assert networks.honest_about("someone else") is networks


def test_the_evaluation_counts_what_it_is_given(archive: Path) -> None:
    nodules = measurable(read_crops(archive))
    readings = [
        CropReading(n.consensus, 0.9 if suspicion_of(n) else 0.1, {"spiculation": n.mean_rating("spiculation")})
        for n in nodules
    ]
    found = evaluation(nodules, readings)
    assert found["dice"] == {"mean": 1.0, "ci95": [1.0, 1.0], "median": 1.0}
    malignancy = found["malignancy"]
    assert isinstance(malignancy, dict)
    assert (malignancy["n"], malignancy["suspicious"], malignancy["auc"]) == (16, 8, 1.0)
    assert malignancy["ece"] == pytest.approx(0.1)
    assert malignancy["brier"] == pytest.approx(0.01)
    assert found["attributes"]["spiculation"] == 1.0  # type: ignore[index]
    assert found["attributes"]["margin"] is None  # type: ignore[index]


def test_readings_of_a_scan_lie_in_the_scan(tmp_path: Path) -> None:
    hu = np.full((12, 70, 50), -860, dtype=np.int16)
    hu[5:8, 1:6, 44:49] = 30
    volume = Volume(hu, grid_from(hu.shape, (2.0, 0.7, 0.7), PointLps(0, 0, 0)), "f")
    candidate = Candidate(position_of(volume.grid, (6.0, 3.0, 46.0)), 4.0, 0.9, "test")
    seen = crop_in(volume, candidate)
    crop = seen.crop
    assert (seen.offset, seen.zoom) == ((0, 0, 0), 1)
    assert crop.contrast.shape == (12, 64, 50)
    assert crop.centre == pytest.approx((6.0, 3.0, 46.0))
    torch.manual_seed(1)
    networks = NoduleNetworks((OutlineNet(TINY).eval(),), (RatingNet(TINY).eval(),), None, (), CPU)
    lungs = LungMask(np.ones(hu.shape, dtype=np.uint8), volume.grid)
    (reading,) = networks(volume, lungs, (candidate,))
    assert reading.probability.shape == crop.contrast.shape
    assert reading.ratings is None


def test_only_slices_with_some_of_the_nodule_are_rated() -> None:
    outline = np.zeros((6, 4, 4), dtype=np.float32)
    outline[2:4, 1, 1] = 0.9
    assert nodule_slices(outline) == slice(2, 4)
    outline[:] = 0.1
    outline[4, 1, 1] = 0.2
    assert nodule_slices(outline) == slice(4, 5)


@pytest.mark.parametrize(("pixel_mm", "diameter_mm", "seen_mm"), [(0.3, 8.0, 0.7), (0.7, 8.0, 0.7), (0.6, 40.0, 0.859)])
def test_the_networks_see_pixels_that_they_learnt_from(pixel_mm: float, diameter_mm: float, seen_mm: float) -> None:
    hu = np.full((9, 220, 200), -860, dtype=np.int16)
    k, j, i = np.meshgrid(*(np.arange(n) for n in hu.shape), indexing="ij")
    away = np.sqrt(((k - 4) * 2.0) ** 2 + ((j - 100) * pixel_mm) ** 2 + ((i - 90) * pixel_mm) ** 2)
    hu[away <= diameter_mm / 2] = 30
    volume = Volume(hu, grid_from((9, 220, 200), (2.0, pixel_mm, pixel_mm), PointLps(0, 0, 0)), "f")
    seen = crop_in(volume, Candidate(position_of(volume.grid, (4.0, 100.0, 90.0)), diameter_mm, 0.9, "test"))
    assert seen.crop.spacing_mm == pytest.approx((2.0, seen_mm, seen_mm), abs=0.01)
    assert seen.crop.contrast.shape[1:] == (64, 64)
    dense = np.argwhere(seen.crop.contrast > 0.5)
    assert seen.crop.centre[1:] == pytest.approx(dense.mean(axis=0)[1:], abs=0.6)
    back = seen.on_volume((seen.crop.contrast > 0.5).astype(np.float32))
    box = volume.hu[seen.offset[0] : seen.offset[0] + back.shape[0]][
        :, seen.offset[1] : seen.offset[1] + back.shape[1], seen.offset[2] : seen.offset[2] + back.shape[2]
    ]
    assert dice(back >= 0.5, box > -400) > 0.93
