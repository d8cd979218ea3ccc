"""Cards: the shipped one describes the shipped weights, and what training writes can be read back."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cad.domain import LungMask, PointLps, Volume
from cad.errors import Unavailable
from cad.geometry import grid_from
from cad.qa.froc import Reference, ScanMatch
from cad.qa.reliability import expected_calibration_error, fitted_calibration, reliability_bins
from models.detector.detector import DETECTOR_NAME, load_detector
from models.detector.rpn3d import Mirrored, Rpn3d, RpnConfig
from models.running import cards
from models.running.cards import WEIGHTS, Score, WeightsMismatchError, load_network, read_detector_card, sha256_of
from models.running.device import device_named
from models.training.detector.card import Shipped, write_card
from tests.unit.models.training.detector.test_report import FOUND

CPU = torch.device("cpu")


def test_the_shipped_card_describes_the_shipped_weights() -> None:
    card = read_detector_card(DETECTOR_NAME)
    weights = WEIGHTS / f"{DETECTOR_NAME}.safetensors"
    assert sha256_of(weights) == card.identity.sha256
    assert weights.stat().st_size < 20_000_000
    assert 0 < card.default_min_score < 1


def test_weights_that_the_card_does_not_describe_are_not_loaded() -> None:
    card = read_detector_card(DETECTOR_NAME)
    other = replace(card, identity=replace(card.identity, sha256="0" * 64))
    with pytest.raises(WeightsMismatchError):
        load_network(other, CPU)


def test_what_training_writes_can_be_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    network = Rpn3d(RpnConfig(channels=(4, 4, 4, 8, 8)))
    shipped = Shipped(network, Score(0.75, -0.25), -6.0, "9.9", ("shipped_steps = 3",))
    text = write_card(shipped, FOUND, (), tmp_path).read_text()
    assert tomllib.loads(text)["measured"]["cpm"] == 0.5
    monkeypatch.setattr(cards, "CARDS", tmp_path)
    monkeypatch.setattr(cards, "WEIGHTS", tmp_path)
    card = read_detector_card(DETECTOR_NAME)
    assert (card.identity.version, card.config, card.mirrored) == ("9.9", network.config, True)
    assert (card.score, card.floor, card.default_min_score) == (shipped.score, -6.0, FOUND.threshold)
    loaded = load_network(card, CPU)
    x = torch.randn(1, 1, 32, 32, 32)
    with torch.inference_mode():  # kernels are stored in half precision
        assert torch.allclose(loaded(x), Mirrored(network.eval())(x), atol=0.02)


def test_the_fitted_calibration_finds_the_distortion_that_was_put_in() -> None:
    rng = np.random.default_rng(2)
    logit = rng.normal(0, 2, 20_000)
    is_nodule = rng.random(20_000) < 1 / (1 + np.exp(-(2.0 * logit - 0.5)))
    score = 1 / (1 + np.exp(-logit))
    hits, false = score[is_nodule], score[~is_nodule]
    reference = Reference(PointLps(0, 0, 0), 7.0)
    match = ScanMatch((reference,) * len(hits), tuple(hits.tolist()), tuple(false.tolist()))
    fitted = fitted_calibration([match])
    assert fitted.slope == pytest.approx(2.0, abs=0.1)
    assert fitted.intercept == pytest.approx(-0.5, abs=0.1)


def test_calibration_error_is_small_for_honest_scores_and_large_for_boasts() -> None:
    rng = np.random.default_rng(3)
    score = rng.uniform(0.05, 1, 20_000)
    truth = rng.random(20_000) < score
    reference = Reference(PointLps(0, 0, 0), 7.0)

    def matched(values: np.ndarray) -> ScanMatch:
        hits = values[truth].tolist()
        return ScanMatch((reference,) * len(hits), tuple(hits), tuple(values[~truth].tolist()))

    def error(match: ScanMatch) -> float:
        return expected_calibration_error(reliability_bins([match], least=0.05))

    assert error(matched(score)) < 0.02
    assert error(matched(np.sqrt(score))) > 0.1


def test_the_detector_marks_a_ball_in_lung_where_it_is() -> None:
    rng = np.random.default_rng(4)
    shape, spacing = (80, 110, 110), (1.25, 0.9, 0.9)
    grid = grid_from(shape, spacing, PointLps(-50.0, -50.0, 100.0))
    hu = rng.normal(-860, 20, shape)
    k, j, i = np.indices(shape)
    ball = ((k - 38) * 1.25) ** 2 + ((j - 60) * 0.9) ** 2 + ((i - 45) * 0.9) ** 2 < 5.0**2
    hu[ball] = 40
    lungs = np.zeros(shape, dtype=np.uint8)
    lungs[8:-8, 8:-8, 8:-8] = LungMask.RIGHT
    marks = load_detector("cpu")(Volume(hu.astype(np.int16), grid, "1.2.3"), LungMask(lungs, grid), 0.2)
    assert marks
    centre = marks[0].centre
    assert (centre.x, centre.y, centre.z) == pytest.approx((-50 + 45 * 0.9, -50 + 60 * 0.9, 100 + 38 * 1.25), abs=1.5)
    assert marks[0].diameter_mm == pytest.approx(10.0, rel=0.3)


def test_cuda_where_there_is_none_is_unavailable_and_not_a_bug() -> None:
    if torch.cuda.is_available():
        assert device_named("cuda").type == "cuda"
    else:
        with pytest.raises(Unavailable):
            device_named("cuda")
