"""The same values come out of every transfer syntax and pixel format."""

from __future__ import annotations

import base64
from pathlib import Path

import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cad.policy import SeriesPolicy
from dicom_io.read.codestreams import coded_size
from dicom_io.read.reading import load_datasets, load_series
from dicom_io.read.volume import DECODERS, NATIVE_SYNTAXES, raw_frames
from tests.made.series import a_series, an_enhanced_series, save_file, save_series

POLICY = SeriesPolicy()
ENCODABLE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
)
HTJ2K_OF_A_RAMP = (
    "/0//UQApQAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCI"
    "kJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAK8AAf+TwAAmR/sFB3QAwAASwAATAMgAh3QA"
    "IvkDB3QAwAATQAATgEL8AAJ0AJCE5ACjVADAABPAABVgAACgp8J1AEYaMWLkwEIB7LYAwAAVcAAFpgAAAOfAp6enQngAHj08PDw8"
    "PDz+/Yxge/Yxgey6AMAAK6AAFvgAAPn/FPT09PT09PJ8AH7f933f933f933f9/94YEIHv2EIHv2EIHv2EIHsswH/2Q=="
)
"""The 32 × 32 values 64 × row + 2 × column, coded without loss by imagecodecs (OpenJPH)."""


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits_stored", [12, 16])
@pytest.mark.parametrize("syntax", ENCODABLE, ids=lambda uid: uid.name)
def test_a_frame_survives_every_transfer_syntax(syntax: UID, bits_stored: int, signed: bool, tmp_path: Path) -> None:
    intercept = 0.0 if signed else -1024.0
    ds = a_series(slices=1, rows=64, columns=80, signed=signed, bits_stored=bits_stored, intercept=intercept)[0]
    expected = np.frombuffer(ds.PixelData, dtype="<i2" if signed else "<u2").reshape(64, 80)
    read = dcmread(save_file(ds, tmp_path / "ct.dcm", transfer_syntax=syntax))
    (frame,) = raw_frames(read)
    assert np.array_equal(frame, expected)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits_stored", [12, 16])
def test_a_frame_survives_jpeg_lossless(bits_stored: int, signed: bool, tmp_path: Path) -> None:
    ds = a_series(slices=1, rows=64, columns=80, signed=signed, bits_stored=bits_stored)[0]
    expected = np.frombuffer(ds.PixelData, dtype="<i2" if signed else "<u2").reshape(64, 80)
    path = save_file(ds, tmp_path / "raw.dcm")
    read = dcmread(_jpeg_lossless(path, tmp_path / "jpeg.dcm"))
    assert read.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    (frame,) = raw_frames(read)
    assert np.array_equal(frame, expected)


def _jpeg_lossless(source: Path, target: Path) -> Path:
    """The object as GDCM, an independent implementation, encodes it."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2K], ids=lambda uid: uid.name)
def test_high_throughput_jpeg_2000_is_read(syntax: UID) -> None:
    rows, columns = np.indices((32, 32))
    ds = a_series(slices=1, rows=32, columns=32)[0]
    ds.PixelData = encapsulate([base64.b64decode(HTJ2K_OF_A_RAMP)])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = syntax
    (frame,) = raw_frames(ds)
    assert np.array_equal(frame, 64 * rows + 2 * columns)


def test_every_listed_syntax_has_a_decoder_here() -> None:
    from pydicom.pixels.decoders.base import get_decoder

    for syntax, plugins in DECODERS.items():
        assert set(plugins) & set(get_decoder(syntax).available_plugins), syntax.name
    assert not set(DECODERS) & set(NATIVE_SYNTAXES)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless], ids=lambda uid: uid.name)
def test_a_compressed_multi_frame_object_is_read_frame_by_frame(syntax: UID, tmp_path: Path) -> None:
    series = a_series(slices=18, rows=64, columns=64, slice_spacing_mm=3.0)
    plain = load_datasets(series, POLICY)
    order = [*range(9, 18), *range(9)]
    path = save_file(an_enhanced_series(series, order), tmp_path / "enhanced.dcm", transfer_syntax=syntax)
    enhanced = load_series([path], POLICY)
    assert np.array_equal(enhanced.volume.hu, plain.volume.hu)
    assert enhanced.volume.grid.is_same_as(plain.volume.grid)
    assert enhanced.layout.frame_of_k[:10] == (*range(9, 18), 0)
    assert enhanced.series.sop_uids == (dcmread(path).SOPInstanceUID,)
    assert (enhanced.series.kernel, enhanced.series.kvp, enhanced.series.slice_thickness_mm) == ("STANDARD", 120.0, 2.5)


def test_the_size_in_a_codestream_is_read_without_decoding(tmp_path: Path) -> None:
    from pydicom.encaps import generate_frames

    for syntax in (JPEGLSLossless, JPEG2000Lossless):
        ds = a_series(slices=1, rows=64, columns=80)[0]
        encoded = dcmread(save_file(ds, tmp_path / "ct.dcm", transfer_syntax=syntax))
        codestream = next(generate_frames(encoded.PixelData, number_of_frames=1))
        assert coded_size(codestream) == (64, 80)
        assert coded_size(codestream[:8]) is None
    assert coded_size(b"") is None
    assert coded_size(b"GIF89a") is None


def test_a_series_may_change_its_rescale_from_slice_to_slice() -> None:
    plain = load_datasets(a_series(slices=20), POLICY)
    varied = a_series(slices=20, slope=lambda n: 1.0 + n % 2, intercept=lambda n: -1024.0 - 2 * n)
    assert np.abs(load_datasets(varied, POLICY).volume.hu - plain.volume.hu).max() <= 1


@pytest.mark.parametrize(("padding", "signed"), [(63536, True), (-2000, True), (0, False)])
def test_padding_becomes_air(padding: int, signed: bool) -> None:
    series = a_series(slices=20, signed=signed)
    for ds in series:
        values = np.frombuffer(ds.PixelData, dtype="<i2" if signed else "<u2").reshape(ds.Rows, ds.Columns).copy()
        values[:10] = np.int32(padding) if padding < 2**15 else np.int32(padding - 2**16)
        ds.PixelData = values.tobytes()
        ds.add_new("PixelPaddingValue", "SS" if padding < 0 else "US", padding)
    hu = load_datasets(series, POLICY).volume.hu
    assert np.all(hu[:, :10] == -1024)
    assert np.all(hu[:, 10:] > -1024)


def test_a_padding_value_that_tissue_has_is_padding_only_outside_the_field_of_view() -> None:
    series = a_series(slices=20, signed=True, intercept=0.0)
    for ds in series:
        values = np.frombuffer(ds.PixelData, dtype="<i2").reshape(ds.Rows, ds.Columns).copy()
        values[:10] = 0
        values[60, 64] = 0
        ds.PixelData = values.tobytes()
        ds.add_new("PixelPaddingValue", "SS", 0)
    hu = load_datasets(series, POLICY).volume.hu
    assert np.all(hu[:, :10] == -1024)
    assert np.all(hu[:, 60, 64] == 0)


def test_bits_above_the_stored_ones_are_ignored() -> None:
    plain = a_series(slices=20, bits_stored=12)
    overlaid = a_series(slices=20, bits_stored=12)
    for ds in overlaid:
        ds.PixelData = (np.frombuffer(ds.PixelData, dtype="<u2") | 0x3000).tobytes()
    assert np.array_equal(load_datasets(overlaid, POLICY).volume.hu, load_datasets(plain, POLICY).volume.hu)


def test_metal_beyond_16_bits_is_kept_at_the_end_of_the_range(tmp_path: Path) -> None:
    series = a_series(slices=20)
    for ds in series:
        values = np.frombuffer(ds.PixelData, dtype="<u2").reshape(ds.Rows, ds.Columns).copy()
        values[50, 60] = 65535
        ds.PixelData = values.tobytes()
    hu = load_series([save_series(series, tmp_path)], POLICY).volume.hu
    assert np.all(hu[:, 50, 60] == 32767)
