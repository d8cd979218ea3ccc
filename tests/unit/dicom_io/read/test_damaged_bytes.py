"""Whatever happens to the bytes of a file, the outcome is a volume or a refusal, never a crash."""

from __future__ import annotations

import contextlib
import inspect
import struct
from pathlib import Path

import pydicom.errors
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.damage import PARSE_ERRORS
from dicom_io.read.files import find_instances
from dicom_io.read.headers import frames_of
from dicom_io.read.series import refuse_unsupported_pixels
from dicom_io.read.volume import raw_frames
from tests.made.series import a_series, save_file

SYNTAXES = (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless)


def _read_all(path: Path) -> None:
    """Everything that touches the content of one file."""
    found = find_instances([path], SeriesPolicy())
    for damaged in found.damaged:
        raise damaged.refusal
    for instance in found.instances:
        frames_of(instance.header, 0)
        refuse_unsupported_pixels(instance)
        for _ in raw_frames(instance.with_pixels()):
            pass


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.filterwarnings("ignore")
def test_a_file_cut_anywhere_is_refused(syntax: object, tmp_path: Path) -> None:
    path = save_file(a_series(slices=1, rows=64, columns=64)[0], tmp_path / "ct.dcm", transfer_syntax=syntax)  # type: ignore[arg-type]
    content = path.read_bytes()
    for length in range(0, len(content) - 1, len(content) // 60):
        path.write_bytes(content[:length])
        with pytest.raises(Refusal) as refusal:
            _read_all(path)
        assert refusal.value.reason in (
            Reason.TRUNCATED_FILE,
            Reason.CORRUPT_FILE,
            Reason.NO_PIXEL_DATA,
            Reason.MISSING_GEOMETRY,
            Reason.MISSING_RESCALE,
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), noise=st.binary(min_size=1, max_size=12), syntax=st.sampled_from(SYNTAXES))
@pytest.mark.filterwarnings("ignore")
def test_bytes_overwritten_anywhere_never_crash(where: float, noise: bytes, syntax: object, tmp_path: Path) -> None:
    path = tmp_path / f"{syntax}.dcm"
    original = tmp_path / f"{syntax}.original"
    if not original.exists():
        save_file(a_series(slices=1, rows=64, columns=64)[0], original, transfer_syntax=syntax)  # type: ignore[arg-type]
    content = original.read_bytes()
    at = int(where * (len(content) - len(noise)))
    path.write_bytes(content[:at] + noise + content[at + len(noise) :])
    with contextlib.suppress(Refusal):
        _read_all(path)


@pytest.mark.filterwarnings("ignore:The decoded RLE segment contains:UserWarning")
def test_an_rle_segment_longer_than_its_frame_does_not_end_the_process(tmp_path: Path) -> None:
    ds = a_series(slices=1, rows=64, columns=64)[0]
    zeroes = b"\x81\x00"  # 128 zeroes
    segments = (zeroes * 32, zeroes * 31 + b"\x82\x00" + b"\x05" + bytes(6))  # 4096 and 4101 bytes
    header = struct.pack("<16I", 2, 64, 64 + len(segments[0]), *([0] * 13))
    ds.compress(RLELossless)
    ds.PixelData = encapsulate([header + b"".join(segments)])
    path = tmp_path / "ct.dcm"
    ds.save_as(path, enforce_file_format=True)
    with contextlib.suppress(Refusal):
        _read_all(path)


def test_every_exception_class_of_pydicom_is_mapped() -> None:
    own = [c for _, c in inspect.getmembers(pydicom.errors, inspect.isclass) if c.__module__ == "pydicom.errors"]
    assert own
    assert all(issubclass(c, PARSE_ERRORS) for c in own)
