"""MONOCHROME1: the display is turned round, and with some writers the values are as well; the air around tells."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.reading import load_datasets
from tests.made.series import a_series

POLICY = SeriesPolicy()


def inverted(*, signed: bool, bits: int, turned: bool) -> list[Dataset]:
    series = a_series(slices=20, rows=90, columns=100, signed=signed, bits_stored=bits)
    for ds in series:
        ds.PhotometricInterpretation = "MONOCHROME1"
        if turned:
            values = np.frombuffer(ds.PixelData, "<i2" if signed else "<u2")
            other = -1 - values if signed else (1 << bits) - 1 - values.astype(np.int32)
            ds.PixelData = other.astype("<i2" if signed else "<u2").tobytes()
    return series


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("signed", "bits"), [(False, 12), (False, 16), (True, 16)])
def test_the_values_are_those_of_the_chest(signed: bool, bits: int, turned: bool) -> None:
    expected = load_datasets(a_series(slices=20, rows=90, columns=100, signed=signed, bits_stored=bits), POLICY)
    found = load_datasets(inverted(signed=signed, bits=bits, turned=turned), POLICY)
    assert np.array_equal(found.volume.hu, expected.volume.hu)
    assert [caution.code for caution in found.cautions] == (["values-inverted"] if turned else [])


def test_where_no_air_is_around_the_sense_is_not_guessed() -> None:
    series = inverted(signed=False, bits=12, turned=False)
    for ds in series:
        ds.PixelData = np.full(90 * 100, 1064, dtype="<u2").tobytes()
    with pytest.raises(Refusal) as refusal:
        load_datasets(series, POLICY)
    assert refusal.value.reason is Reason.UNSUPPORTED_PIXELS


def test_both_senses_in_one_series_are_refused() -> None:
    series = inverted(signed=False, bits=12, turned=False)
    series[3].PhotometricInterpretation = "MONOCHROME2"
    with pytest.raises(Refusal) as refusal:
        load_datasets(series, POLICY)
    assert refusal.value.reason is Reason.MIXED_SERIES
