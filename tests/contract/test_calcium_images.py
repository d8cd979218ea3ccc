"""Key images of calcium show each lesion where it is, in the colour of its site."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from cad.domain import Artery, CalciumScore, NotAssessed, NotAssessedReason, OtherCalcium, UInt8Array
from cad.policy import WordingPolicy
from cad.report.pictures.calcium import (
    calcium_page,
    calcium_panel,
    calcium_view,
    heart_lung_page,
    legend,
)
from cad.report.pictures.colours import SITE_RGB
from cad.report.statements import state
from cad.report.statements.calcium import shown_slices, state_calcium
from cad.report.words.languages import ENGLISH
from tests.made.calcium import AORTA, CONTRAST, LAD, RCA, Plaque, a_score
from tests.made.subjects import Subject, calcium_objects, some_findings, two_nodules

NODE = Plaque(OtherCalcium.OTHER, (22, 60, 70), (2, 2, 2), 900.0)
NOT_ASKED = NotAssessed(NotAssessedReason.NOT_REQUESTED)


def score_of(subject: Subject, *plaques: Plaque) -> CalciumScore:
    return a_score(subject.source.volume.grid, plaques)


def coloured(panel: UInt8Array, site: Artery | OtherCalcium) -> npt.NDArray[np.intp]:
    """Rows and columns [n, 2] of the pixels in the colour of a site."""
    return np.argwhere((panel == SITE_RGB[site]).all(axis=2))


def test_slices_with_the_most_coronary_calcium_come_first_and_neighbours_are_left_out(plain: Subject) -> None:
    assert shown_slices(score_of(plain, LAD, RCA)) == (20, 16)


def test_slices_of_the_aorta_come_after_those_of_the_arteries(plain: Subject) -> None:
    assert shown_slices(score_of(plain, AORTA, LAD, RCA)) == (20, 16, 22)


def test_only_calcium_of_the_aorta_is_shown_where_there_is_no_other(plain: Subject) -> None:
    assert shown_slices(score_of(plain, AORTA)) == (22,)
    assert shown_slices(score_of(plain, NODE)) == shown_slices(score_of(plain)) == ()


def test_a_lesion_is_outlined_in_its_colour_where_it_lies(plain: Subject) -> None:
    calcium = score_of(plain, LAD, RCA)
    volume = plain.source.volume
    for plaque in (LAD, RCA):
        k = plaque.first[0]
        view, panel = calcium_view(volume, calcium, k), calcium_panel(volume, calcium, k, ENGLISH.pictures.LABELS)
        pixels = coloured(panel, plaque.site)
        per_mm = view.pixels / view.side_mm
        _, rows, columns = plaque.size
        height, width = np.ptp(pixels, axis=0) + 1
        assert abs(height - rows * 2.0 * per_mm) < 2 * 2 + 2
        assert abs(width - columns * 2.0 * per_mm) < 2 * 2 + 2
        x, y = view.to_panel(next(lesion.centre for lesion in calcium.lesions if lesion.site is plaque.site))
        assert np.abs(pixels.mean(axis=0) + 0.5 - (y, x)).max() < 1.5
        inside = panel[round(y), round(x)]
        assert len(set(inside.tolist())) == 1


def test_a_slice_without_the_lesion_has_none_of_its_colour(plain: Subject) -> None:
    calcium = score_of(plain, LAD, RCA)
    panel = calcium_panel(plain.source.volume, calcium, RCA.first[0], ENGLISH.pictures.LABELS)
    assert len(coloured(panel, Artery.LAD)) == 0
    assert len(coloured(panel, Artery.RCA)) > 0


def test_the_legend_names_the_sites_that_have_lesions_and_gives_nodes_and_bone_no_score(plain: Subject) -> None:
    assert list(legend(state_calcium(score_of(plain, LAD, RCA, AORTA, NODE)), ENGLISH)) == [
        (Artery.LAD, "LAD 150.2"),
        (Artery.RCA, "RCA 37.2"),
        (OtherCalcium.AORTA, "Aorta (not coronary) 61.0"),
        (OtherCalcium.OTHER, "Other, such as lymph nodes and bone"),
    ]


def test_the_page_has_a_swatch_of_each_colour_below_its_pictures(plain: Subject) -> None:
    page = calcium_page(plain.source.volume, state_calcium(score_of(plain, LAD, AORTA)), ENGLISH)
    assert page is not None
    below = page.pixels[-60:]
    assert len(coloured(below, Artery.LAD)) > 100
    assert len(coloured(below, OtherCalcium.AORTA)) > 100
    assert len(coloured(below, Artery.RCA)) == 0


def test_key_images_end_with_calcium_and_with_heart_and_lungs(plain: Subject) -> None:
    nodules = two_nodules(plain.source.volume.grid)
    with_both = calcium_objects(plain.source, score_of(plain, LAD), nodules).key_images
    assert [int(ds.InstanceNumber) for ds in with_both] == [1, 2, 3, 4, 5]
    shown = plain.source.evidence.datasets[plain.source.layout.instance_of_k[20]]
    assert with_both[3].SourceImageSequence[0].ReferencedSOPInstanceUID == shown.SOPInstanceUID
    assert len(calcium_objects(plain.source, score_of(plain, LAD), NOT_ASKED).key_images) == 2
    assert len(calcium_objects(plain.source, CONTRAST, nodules).key_images) == 4
    assert len(calcium_objects(plain.source, score_of(plain), NOT_ASKED).key_images) == 1


def test_the_page_of_heart_and_lungs_shows_the_nodule_and_the_calcium(plain: Subject) -> None:
    volume = plain.source.volume
    findings = some_findings(volume, two_nodules(volume.grid))
    findings = dataclasses.replace(findings, calcium=score_of(plain, LAD))
    page = heart_lung_page(volume, state(findings, WordingPolicy()), ENGLISH)
    assert page is not None
    middle = page.pixels.shape[1] // 2
    assert len(coloured(page.pixels[:, middle:], Artery.LAD)) > 0
    assert len(coloured(page.pixels[:, :middle], Artery.LAD)) == 0
    contour = (255, 196, 0)
    assert (page.pixels[:, :middle] == contour).all(axis=2).any()
