"""What is asked before "no nodule" is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cad.domain import LungMask, Volume
from cad.policy import LIMITING, OpacityPolicy, SearchPolicy
from cad.science.lungs.opacities import opacities_of
from cad.science.lungs.search_limits import SearchedLung, search_limits, searched_lung
from tests.slow.science.test_lungs import LEFT_LUNG, RIGHT_LUNG, Space, a_chest, a_space, a_volume

POLICY = SearchPolicy()
GOOD = SearchedLung(share=1.0, noise_hu=40.0, lung_hu=-860.0, slice_mm=2.5)


@pytest.fixture(scope="module")
def space() -> Space:
    return a_space()


def searched(
    space: Space, noise_hu: float = 0.0, lung_hu: float = -860.0, fluid_y: float | None = None
) -> SearchedLung:
    hu = a_chest(space, parenchyma_hu=lung_hu)
    right, left = space.ellipsoid(*RIGHT_LUNG), space.ellipsoid(*LEFT_LUNG)
    if fluid_y is not None:
        hu[right & np.broadcast_to(space.y > fluid_y, space.shape)] = 10
    hu += np.random.default_rng(1).normal(0, noise_hu, hu.shape).astype(np.float32)
    volume: Volume = a_volume(hu, space)
    labels = (right * LungMask.RIGHT + left * LungMask.LEFT).astype(np.uint8)
    lungs = LungMask(labels, volume.grid)
    return searched_lung(volume, lungs, opacities_of(volume, lungs, OpacityPolicy()), 2.5)


def test_a_good_search_is_not_limited() -> None:
    assert search_limits(GOOD, POLICY) == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"share": 0.8}, "80 % of the lungs"),
        ({"noise_hu": 150.0}, "noise of 150 HU"),
        ({"lung_hu": -600.0}, "-600 HU"),
        ({"slice_mm": 5.0}, "slices of 5 mm"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(values: dict[str, float], said: str) -> None:
    (caution,) = search_limits(replace(GOOD, **values), POLICY)
    assert caution.code in LIMITING
    assert said in caution.text


def test_several_limits_are_one_caution() -> None:
    (caution,) = search_limits(SearchedLung(0.5, 200.0, -500.0, 5.0), POLICY)
    assert caution.text.count(";") == 3


@pytest.mark.parametrize("noise_hu", [20.0, 60.0, 130.0])
def test_the_noise_is_that_of_the_parenchyma(space: Space, noise_hu: float) -> None:
    assert searched(space, noise_hu=noise_hu).noise_hu == pytest.approx(noise_hu, rel=0.08)


def test_the_density_is_that_of_the_parenchyma(space: Space) -> None:
    assert searched(space, lung_hu=-700.0).lung_hu == pytest.approx(-700.0, abs=2.0)


def test_fluid_is_not_searched(space: Space) -> None:
    assert searched(space).share == 1.0
    assert searched(space, fluid_y=40.0).share < 0.97
