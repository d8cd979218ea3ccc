"""Key images show the nodule where it is, in the orientation that radiologists expect."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cad.domain import PointLps
from cad.policy import WordingPolicy
from cad.report.pictures.lettering import length_of, wrapped
from cad.report.pictures.nodules import (
    CONTOUR_RGB,
    HEADER_PIXELS,
    PANEL_GAP_PIXELS,
    PANEL_PIXELS,
    PLANES,
    View,
    nodule_page,
    summary_page,
)
from cad.report.statements import state
from cad.report.words.choices import Language, ReportForm
from cad.report.words.languages import CHINESE, ENGLISH
from dicom_io.write.key_images import MAX_NODULE_PAGES
from dicom_io.write.objects import report_objects
from dicom_io.write.source_images import source_images
from tests.contract.tools import dciodvfy, save, walk
from tests.made.series import Sphere, a_series
from tests.made.subjects import (
    A_PDF,
    RIGHT_NODULE,
    Subject,
    a_context,
    drawn_nodule,
    loaded,
    objects_of,
    some_findings,
)

BRIGHT = 200
"""A soft-tissue nodule in the lung window; lung is below 100."""


def panels(
    page: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    left = [PANEL_GAP_PIXELS + n * (PANEL_PIXELS + PANEL_GAP_PIXELS) for n in range(3)]
    return [page[HEADER_PIXELS : HEADER_PIXELS + PANEL_PIXELS, x : x + PANEL_PIXELS] for x in left]


def test_there_is_a_summary_and_a_page_per_nodule(plain: Subject) -> None:
    pages = plain.objects.key_images
    assert [int(ds.InstanceNumber) for ds in pages] == [1, 2, 3]
    assert len({ds.SeriesInstanceUID for ds in pages}) == 1


def test_pages_stop_at_the_tenth_nodule(plain: Subject) -> None:
    nodule = drawn_nodule(plain.source.volume.grid)
    many = tuple(
        dataclasses.replace(nodule, label=f"Nodule {n}", tracking_uid=f"2.25.{n}")
        for n in range(1, MAX_NODULE_PAGES + 3)
    )
    assert len(objects_of(plain.source, many).key_images) == 1 + MAX_NODULE_PAGES


def test_every_page_names_the_slice_it_shows(subject: Subject) -> None:
    for nodule, page in zip(subject.nodules, subject.objects.key_images[1:], strict=True):
        layout = subject.source.layout
        shown = subject.source.evidence.datasets[layout.instance_of_k[nodule.diameters.slice_k]]
        assert page.SourceImageSequence[0].ReferencedSOPInstanceUID == shown.SOPInstanceUID


def test_the_contour_encloses_the_bright_nodule_in_all_planes() -> None:
    datasets = a_series(
        spheres=[Sphere(RIGHT_NODULE.centre, 12.0)], rows=160, columns=160, row_spacing_mm=1.0, column_spacing_mm=1.0
    )
    source = loaded(datasets)
    ball = dataclasses.replace(RIGHT_NODULE, radii_mm=(6.0, 6.0, 6.0))
    page = nodule_page(source.volume, drawn_nodule(source.volume.grid, ball), ["", ""], ENGLISH.pictures.LABELS)
    for panel in panels(page):
        contour = np.argwhere((panel == CONTOUR_RGB).all(axis=2))
        top, left = contour.min(axis=0)
        bottom, right = contour.max(axis=0)
        middle = panel[(top + bottom) // 2 + 8, (left + right) // 2 + 8]
        assert middle.min() > BRIGHT
        assert panel[(top + bottom) // 2, left - 12].max() < BRIGHT
        assert panel[top - 12, (left + right) // 2].max() < BRIGHT


@pytest.mark.parametrize(
    ("plane", "shift", "direction"),
    [
        (0, (10.0, 0.0, 0.0), (1, 0)),
        (0, (0.0, 10.0, 0.0), (0, 1)),
        (1, (10.0, 0.0, 0.0), (1, 0)),
        (1, (0.0, 0.0, 10.0), (0, -1)),
        (2, (0.0, 10.0, 0.0), (1, 0)),
        (2, (0.0, 0.0, 10.0), (0, -1)),
    ],
)
def test_left_posterior_and_head_are_where_radiologists_expect_them(
    plain: Subject, plane: int, shift: tuple[float, float, float], direction: tuple[int, int]
) -> None:
    grid = plain.source.volume.grid
    middle = tuple((n - 1) / 2 for n in grid.shape)
    view = View(PLANES[plane], grid, (middle[0], middle[1], middle[2]), side_mm=60.0)
    moved = view.to_panel(PointLps(*shift))
    assert np.sign(np.round(np.array(moved) - PANEL_PIXELS / 2, 6)).tolist() == list(direction)


def test_a_long_summary_counts_the_lines_it_cannot_show() -> None:
    long = summary_page("title", [f"line {n}" for n in range(100)], ENGLISH.pictures.LABELS)
    short = summary_page("title", ["line 0"], ENGLISH.pictures.LABELS)
    assert long.shape == short.shape
    assert not np.array_equal(long, short)


def test_each_page_names_the_image_that_it_shows(plain: Subject) -> None:
    numbers = [plain.source.evidence.datasets[nodule.diameters.slice_k].InstanceNumber for nodule in plain.nodules]
    source = source_images(plain.source)
    assert [source.image_number(nodule.diameters.slice_k) for nodule in plain.nodules] == [str(n) for n in numbers]
    assert len(set(numbers)) == len(numbers)


def test_chinese_letters_are_drawn_and_lines_are_broken_between_them() -> None:
    drawn = [summary_page("", [text], ENGLISH.pictures.LABELS) for text in ("结节", "结芽", "结")]
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    broken = wrapped("右肺上叶实性结节，大小约六毫米。" * 10, 300.0, 15)
    assert len(broken) > 5
    assert "".join(broken) == "右肺上叶实性结节，大小约六毫米。" * 10
    assert not any(line[0] in "，。" for line in broken)
    assert max(length_of(line, 15) for line in broken) < 300.0 + 2 * 15


def test_the_objects_of_a_chinese_installation_are_valid_and_speak_chinese(plain: Subject, tmp_path: Path) -> None:
    context = dataclasses.replace(a_context(), form=ReportForm(Language.CHINESE))
    findings = some_findings(plain.source.volume, plain.nodules)
    objects = report_objects(state(findings, WordingPolicy()), plain.source, context, A_PDF)
    for number, item in enumerate(objects.all()):
        assert dciodvfy(save(item, tmp_path, str(number))) == []
    texts = [str(item.get("TextValue")) for item in walk(objects.sr)]
    assert any(text.startswith("结节1：18.0 mm 部分实性") for text in texts)
    assert CHINESE.pictures.LABELS.research_use in texts
    assert objects.sr.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "zh"
    assert objects.gsps is not None
    label = objects.gsps.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue
    assert str(label).startswith("结节1：")
