"""When calcium is not scored, and what is said beside a score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cad.domain import CtSeries, Int16Array, NotAssessed, NotAssessedReason
from cad.policy import CalciumPolicy, CalciumSuitabilityPolicy
from cad.science.calcium.suitability import (
    HeartImage,
    Technique,
    caveats_of,
    is_sharp,
    measure_heart,
    technique_of,
    unsuitable,
)
from tests.made.hearts import a_volume, heart_box, volume_of

POLICY = CalciumSuitabilityPolicy()
PLAIN = HeartImage(blood_hu=42.0, noise_hu=15.0, metal_mm3=0.0, metal_near_mm3=0.0, coverage=1.0)
USUAL = Technique(contrast=False, kvp=120.0, kernel="STANDARD", thickness_mm=3.0, spacing_mm=3.0)


def reason(image: HeartImage, contrast: bool | None = None) -> NotAssessedReason | None:
    said = unsuitable(image, contrast, POLICY)
    return None if said is None else said.reason


def codes(image: HeartImage = PLAIN, technique: Technique = USUAL, *, averaged: bool = False) -> list[str]:
    return [caveat.code for caveat in caveats_of(image, technique, averaged, CalciumPolicy())]


@pytest.mark.parametrize("contrast", [True, False, None])
def test_enhanced_blood_gives_no_score_whatever_the_header_says(contrast: bool | None) -> None:
    assert reason(replace(PLAIN, blood_hu=150.0), contrast) is NotAssessedReason.CONTRAST


@pytest.mark.parametrize("contrast", [True, False, None])
def test_plain_blood_is_scored_whatever_the_header_says(contrast: bool | None) -> None:
    assert reason(PLAIN, contrast) is None


@pytest.mark.parametrize(("contrast", "scored"), [(True, False), (None, False), (False, True)])
def test_the_header_decides_where_the_blood_does_not(contrast: bool | None, scored: bool) -> None:
    doubtful = replace(PLAIN, blood_hu=80.0)
    assert (reason(doubtful, contrast) is None) is scored
    assert "calcium-dense-blood" in codes(doubtful)


def test_contrast_in_the_header_with_plain_blood_is_said() -> None:
    assert "calcium-contrast-in-header" in codes(technique=replace(USUAL, contrast=True))
    assert "calcium-contrast-in-header" not in codes()


def test_noise_first_warns_and_then_forbids() -> None:
    assert "calcium-noise" not in codes(replace(PLAIN, noise_hu=23.0))
    assert "calcium-noise" in codes(replace(PLAIN, noise_hu=24.0))
    assert reason(replace(PLAIN, noise_hu=35.0)) is None
    assert reason(replace(PLAIN, noise_hu=36.0)) is NotAssessedReason.NOISE


def test_metal_in_the_heart_forbids_and_beside_it_warns() -> None:
    assert reason(replace(PLAIN, metal_mm3=10.0)) is NotAssessedReason.METAL
    assert reason(replace(PLAIN, metal_near_mm3=300.0)) is None
    assert "calcium-metal-near" in codes(replace(PLAIN, metal_near_mm3=300.0))


def test_a_heart_that_is_cut_forbids_and_a_little_warns() -> None:
    assert reason(replace(PLAIN, coverage=0.89)) is NotAssessedReason.HEART_NOT_COVERED
    assert reason(replace(PLAIN, coverage=0.9)) is None
    assert "calcium-coverage" in codes(replace(PLAIN, coverage=0.95))
    assert "calcium-coverage" not in codes()


def test_a_refusal_says_why_in_a_sentence_and_in_figures() -> None:
    said = unsuitable(replace(PLAIN, blood_hu=151.26), None, POLICY)
    assert isinstance(said, NotAssessed)
    assert "151 HU" in said.text
    assert dict(said.facts) == {"blood_hu": 151.3, "limit_hu": 90.0}


@pytest.mark.parametrize(
    ("technique", "code"),
    [
        (replace(USUAL, kvp=100.0), "calcium-kvp"),
        (replace(USUAL, kvp=None), "calcium-kvp"),
        (replace(USUAL, kernel="B70f"), "calcium-sharp-kernel"),
        (replace(USUAL, thickness_mm=5.0, spacing_mm=5.0), "calcium-thick-slices"),
        (replace(USUAL, thickness_mm=5.0, spacing_mm=2.5), "calcium-thick-slices"),
    ],
)
def test_what_lowers_the_trust_in_a_score_is_said(technique: Technique, code: str) -> None:
    assert code in codes(technique=technique)
    assert code not in codes()


def test_the_direction_of_the_error_of_another_voltage_is_said() -> None:
    (low,) = (
        c for c in caveats_of(PLAIN, replace(USUAL, kvp=100.0), False, CalciumPolicy()) if c.code == "calcium-kvp"
    )
    (high,) = (
        c for c in caveats_of(PLAIN, replace(USUAL, kvp=140.0), False, CalciumPolicy()) if c.code == "calcium-kvp"
    )
    assert "probably too high" in low.text
    assert "probably too low" in high.text


def test_every_score_is_said_to_be_an_estimate_without_gating() -> None:
    assert codes() == ["calcium-non-gated"]


def test_averaged_slices_are_said_and_not_called_thick() -> None:
    said = codes(technique=replace(USUAL, thickness_mm=1.25, spacing_mm=1.25), averaged=True)
    assert said == ["calcium-non-gated", "calcium-averaged-slices"]


@pytest.mark.parametrize(
    "kernel", ["B60f", "B70f", "B80s", "Br64", "Bl57d", "BONE", "BONEPLUS", "LUNG", "YC", "FC51", "I70f"]
)
def test_kernels_for_lung_and_bone_are_sharp(kernel: str) -> None:
    assert is_sharp(kernel, POLICY) is (kernel != "Bl57d")


@pytest.mark.parametrize("kernel", ["STANDARD", "SOFT", "B30f", "B41f", "Br40d", "Qr36", "FC12", "B", "C", "I31f"])
def test_kernels_for_soft_tissue_are_not_sharp(kernel: str) -> None:
    assert not is_sharp(kernel, POLICY)


def noisy(sd: float, mean: float = 40.0) -> Int16Array:
    return np.random.default_rng(7).normal(mean, sd, (20, 40, 40)).round().astype(np.int16)


@pytest.mark.parametrize("sd", [8.0, 20.0, 40.0])
def test_noise_and_blood_are_measured_within_a_twentieth(sd: float) -> None:
    volume = volume_of(noisy(sd))
    image = measure_heart(volume, heart_box(volume), POLICY)
    assert image is not None
    assert image.blood_hu == pytest.approx(40.0, abs=1.0)
    assert image.noise_hu == pytest.approx(sd, rel=0.05)  # 6,400 voxels: standard error 1 %, and half a HU


def test_shading_along_the_body_and_calcium_in_the_blood_are_not_noise() -> None:
    hu = noisy(10.0) + np.arange(20, dtype=np.int16)[:, None, None] * 4
    hu[5:15, 15:18, 15:18] = 900
    volume = volume_of(hu.astype(np.int16))
    image = measure_heart(volume, heart_box(volume), POLICY)
    assert image is not None
    assert image.noise_hu == pytest.approx(10.0, rel=0.06)


def test_metal_is_measured_in_the_heart_and_beside_it() -> None:
    inside = {(6, 20, i): 3000 for i in range(20, 24)}
    beside = {(6, 20, i): 2500 for i in range(2)}
    volume = a_volume({**inside, **beside, (6, 20, 15): 1500})
    image = measure_heart(volume, heart_box(volume), POLICY)
    assert image is not None
    assert (image.metal_mm3, image.metal_near_mm3) == pytest.approx((4 * 0.75, 2 * 0.75))


def test_without_a_header_only_the_spacing_is_known() -> None:
    assert technique_of(None, a_volume({})) == Technique(None, None, None, None, 3.0)
    series = CtSeries("1", "2", ("3",), 12, (0.5, 0.5, 3.0), 2.5, "B41f", 100.0, True, "only one")
    assert technique_of(series, a_volume({})) == Technique(True, 100.0, "B41f", 2.5, 3.0)
