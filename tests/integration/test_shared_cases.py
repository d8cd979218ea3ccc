"""Inputs of public reports: each is read as the unmodified series, or refused with a reason that names it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.reading import LoadedSeries, load_series
from tests.made.series import a_series, save_series
from tests.places import SHARED_CASES, SHARED_CASES_ARE_THERE

pytestmark = pytest.mark.skipif(not SHARED_CASES_ARE_THERE, reason="the shared cases are not beside the checkout")

SLICES = 60


@dataclass(frozen=True, slots=True)
class Read:
    """The unmodified volume is read, with these cautions; `slices` of it from the feet, where not all are."""

    cautions: tuple[str, ...] = ()
    slices: int = SLICES


EXPECTED: dict[str, Read | Reason] = {
    "03c_text_after_pixels": Read(),
    "07_series_uid_per_image": Read(("generated-identifiers",)),
    "08_one_sop_uid_for_all": Read(("generated-identifiers",)),
    "09_frame_of_reference_partly_missing": Read(("generated-identifiers",)),
    "10_stray_scout_in_series": Read(("odd-images-left-out",)),
    "16_interleaved_breath_holds": Read(("several-stacks-in-series",), slices=54),
    "17_two_phases_same_positions": Read(("several-stacks-in-series",)),
    "18_mip_only": Reason.PROJECTIONS_ONLY,
    "18e_mip_beside_original": Read(),
    "19_taller_abdomen_series": Read(),
    "20_truncated_dose_report": Read(("unusable-files-left-out",)),
    "20b_text_named_dcm": Read(("unusable-files-left-out",)),
    "21b_zip_in_zip": Read(),
    "22_name_gbk_undeclared": Read(("undeclared-character-set",)),
    "22g_name_big5_backslash": Read(("undeclared-character-set",)),
    "24c_wide_reconstruction_undeclared_padding": Read(),
    "29_one_slice_off_by_0p15mm": Read(("slices-interpolated",)),
    "33_symlinked_folder": Read(),
    "34_rescale_type_spelling": Read(),
    "38_kernel_partly_missing": Read(),
    "61_agent_texts": Read(),
    "69_ct_image_with_many_frames": Reason.MULTI_FRAME_CT_IMAGE,
}
OF_ANOTHER_USER = {"84_unreadable_file": Reason.UNREADABLE_FILES}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    size = {"slices": SLICES, "rows": 120, "columns": 160, "signed": True}
    return save_series(a_series(**size), tmp_path_factory.mktemp("source") / "series")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def unmodified(source: Path) -> LoadedSeries:
    return load_series([source], SeriesPolicy())


def made(case: str, source: Path, out: Path) -> Path:
    script = SHARED_CASES / case / "make.py"
    subprocess.run([sys.executable, str(script), str(out), str(source)], check=True, timeout=300)
    return out


def test_every_shared_case_is_expected() -> None:
    assert {path.parent.name for path in SHARED_CASES.glob("*/make.py")} == {*EXPECTED, *OF_ANOTHER_USER}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_shared_case_is_read_as_it_was_or_refused_by_name(
    case: str, source: Path, unmodified: LoadedSeries, tmp_path: Path
) -> None:
    expected = EXPECTED[case]
    path = made(case, source, tmp_path / "case")
    if isinstance(expected, Reason):
        with pytest.raises(Refusal) as refusal:
            load_series([path], SeriesPolicy())
        assert refusal.value.reason is expected
        return
    found = load_series([path], SeriesPolicy())
    assert [caution.code for caution in found.cautions] == list(expected.cautions)
    assert found.series.slices == expected.slices
    _assert_same(found, unmodified)


def _assert_same(found: LoadedSeries, unmodified: LoadedSeries) -> None:
    """The attenuation at the same places of the patient, apart from the air that a wider image adds around it."""
    shift = found.volume.grid.affine[:3, 3] - unmodified.volume.grid.affine[:3, 3]
    k, j, i = (-round(v / s) for v, s in zip(shift[::-1], found.volume.grid.spacing_kji_mm, strict=True))
    _, rows, columns = unmodified.volume.hu.shape
    part = found.volume.hu[:, j : j + rows, i : i + columns]
    assert k == 0
    assert float(np.abs(part - unmodified.volume.hu[: len(part)]).max()) <= _change_of(found)


def _change_of(found: LoadedSeries) -> float:
    """Interpolation between slices changes values where the anatomy does; the phantom's windpipe begins in one step."""
    return 80.0 if any(caution.code == "slices-interpolated" for caution in found.cautions) else 0.0
