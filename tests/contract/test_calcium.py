"""Coronary calcium in SR and SEG, as other implementations and the equations of the standard read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cad.domain import Artery, CalciumScore, FloatArray, NotAssessed, NotAssessedReason, OtherCalcium
from cad.geometry import positions_of
from cad.policy import CalciumPolicy
from cad.report.words.en import calcium as english
from cad.science.calcium.slabs import scored_slabs
from dicom_io.read.readback import read_back
from dicom_io.write.objects import ReportObjects
from dicom_io.write.segments import calcium_tracking_uid
from tests.contract.test_geometry import by_uid, decoded_segments, measurement_groups, positions_on
from tests.contract.tools import (
    complaints,
    dciodvfy,
    dicom_sr_validator,
    dsrdump,
    run,
    save,
    segment_positions,
    sr_errors,
    tid1500_groups,
)
from tests.made.calcium import AORTA, CONTRAST, LAD, NON_GATED, PLAQUES, RCA, Plaque, a_lesion, a_score
from tests.made.series import a_series
from tests.made.subjects import (
    Subject,
    calcium_objects,
    loaded,
    objects_of,
    two_nodules,
)

pytestmark = pytest.mark.contract

NOT_ASKED = NotAssessed(NotAssessedReason.NOT_REQUESTED)
TRACKED = ["Coronary calcium", "LAD calcium", "RCA calcium", "Aorta calcium"]
ARTERY_CODES = {"LM": "3227004", "LAD": "59438005", "LCX": "57396003", "RCA": "13647002"}
"""CID 3016."""


def score_of(subject: Subject, plaques: tuple[Plaque, ...] = PLAQUES, *, very_high: bool = False) -> CalciumScore:
    return a_score(subject.source.volume.grid, plaques, very_high=very_high)


def every_case(subject: Subject) -> dict[str, ReportObjects]:
    """The results that a report of calcium can hold."""
    source, nodules = subject.source, two_nodules(subject.source.volume.grid)
    return {
        "scored": calcium_objects(source, score_of(subject, very_high=True), NOT_ASKED),
        "zero": calcium_objects(source, score_of(subject, ()), ()),
        "not assessed": calcium_objects(source, CONTRAST, NOT_ASKED),
        "with nodules": calcium_objects(source, score_of(subject), nodules),
        "not assessed with nodules": calcium_objects(source, CONTRAST, nodules),
    }


def seg_of(objects: ReportObjects) -> Dataset:
    assert objects.seg is not None
    return objects.seg


@pytest.mark.parametrize("case", ["scored", "zero", "not assessed", "with nodules", "not assessed with nodules"])
def test_every_object_conforms(case: str, plain: Subject, tmp_path: Path) -> None:
    objects = every_case(plain)[case]
    paths = [save(ds, tmp_path, f"{ds.Modality}{number}") for number, ds in enumerate(objects.all())]
    assert [problem for path in paths for problem in dciodvfy(path)] == []
    assert complaints(run("dcentvfy", *paths)) == []
    dsrdump(save(objects.sr, tmp_path, "sr"))


def test_objects_conform_on_every_kind_of_source(subject: Subject, tmp_path: Path) -> None:
    objects = calcium_objects(subject.source, score_of(subject), subject.nodules)
    for name, dataset in (("sr", objects.sr), ("seg", seg_of(objects))):
        assert dciodvfy(save(dataset, tmp_path, name)) == []


def test_dcmqi_lists_the_total_and_every_site_with_calcium(plain: Subject, tmp_path: Path) -> None:
    groups = tid1500_groups(save(every_case(plain)["scored"].sr, tmp_path, "sr"))
    assert [group["TrackingIdentifier"] for group in groups] == TRACKED


def test_dcmqi_lists_the_group_of_a_score_of_zero(plain: Subject, tmp_path: Path) -> None:
    groups = tid1500_groups(save(every_case(plain)["zero"].sr, tmp_path, "sr"))
    assert [group["TrackingIdentifier"] for group in groups] == TRACKED[:1]
    values = [float(item["value"]) for item in groups[0]["measurementItems"]]
    assert values == [0, 0, 0, 0, 130, 0, 0, 0, 0]


def test_groups_of_calcium_follow_those_of_the_nodules(plain: Subject, tmp_path: Path) -> None:
    groups = tid1500_groups(save(every_case(plain)["with nodules"].sr, tmp_path, "sr"))
    uids = [nodule.tracking_uid for nodule in two_nodules(plain.source.volume.grid)]
    assert [group["TrackingUniqueIdentifier"] for group in groups][:2] == uids
    assert [group["TrackingIdentifier"] for group in groups][2:] == TRACKED


def modifier(item: Dataset, name: str) -> str:
    """The code by which a measurement is modified; empty where it is not."""
    found = (p for p in item.get("ContentSequence", ()) if p.ValueType == "CODE")
    values = [p.ConceptCodeSequence[0].CodeValue for p in found if p.ConceptNameCodeSequence[0].CodeValue == name]
    return str(values[0]) if values else ""


METHOD, SITE = "370129005", "363698007"


def measured(group: Dataset) -> dict[tuple[str, str, str], float]:
    """Value of each measurement by its code, the code of its method and that of its site."""
    return {
        (
            item.ConceptNameCodeSequence[0].CodeValue,
            modifier(item, METHOD),
            modifier(item, SITE),
        ): float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def coded(group: Dataset, name: str) -> list[tuple[str, str]]:
    """Value and meaning of each code of this name."""
    return [
        (item.ConceptCodeSequence[0].CodeValue, item.ConceptCodeSequence[0].CodeMeaning)
        for item in group.ContentSequence
        if item.ValueType == "CODE" and item.ConceptNameCodeSequence[0].CodeValue == name
    ]


def test_the_total_holds_score_volume_lesions_vessels_threshold_and_categories(plain: Subject) -> None:
    total = measurement_groups(every_case(plain)["scored"].sr)[0]
    voxels = sum(int(np.prod(p.size)) for p in PLAQUES if isinstance(p.site, Artery))
    assert measured(total) == {
        ("450360000", "112055", ""): pytest.approx(199.45, abs=0.06),
        ("450360000", "112056", ""): pytest.approx(voxels * 10.0),
        ("111038", "", ""): 3,
        ("CAC_VESSELS", "", ""): 2,
        ("122657", "", ""): 130,
        ("450360000", "112055", ARTERY_CODES["LM"]): 0,
        ("450360000", "112055", ARTERY_CODES["LAD"]): pytest.approx(162.2),
        ("450360000", "112055", ARTERY_CODES["LCX"]): 0,
        ("450360000", "112055", ARTERY_CODES["RCA"]): pytest.approx(37.2, abs=0.06),
    }
    assert coded(total, "CAC_CATEGORY") == [
        ("CAC_DRS_A2_N2", "CAC-DRS: A2/N2"),
        ("CAC_TIER_100-399", "Agatston tiers 0 / 1-99 / 100-399 / >=400: 100-399"),
    ]
    assert coded(total, "CAC_ESTIMATE") == [("CAC_NON_GATED", "Non-gated estimate")]
    assert coded(total, "CAC_VERY_HIGH") == [("52101004", "Present")]


def test_each_artery_with_calcium_has_its_code_and_its_score(plain: Subject) -> None:
    lad, rca = measurement_groups(every_case(plain)["scored"].sr)[1:3]
    assert [coded(group, SITE)[0][0] for group in (lad, rca)] == [ARTERY_CODES["LAD"], ARTERY_CODES["RCA"]]
    assert measured(lad)[("450360000", "112055", "")] == pytest.approx(162.2)
    assert measured(rca)[("450360000", "112055", "")] == pytest.approx(37.2, abs=0.06)
    assert measured(rca)[("CALCIUM_SITE_P", "", "")] == 71


def test_calcium_of_the_aorta_is_under_another_name_than_the_coronary_score(plain: Subject) -> None:
    aorta = measurement_groups(every_case(plain)["scored"].sr)[3]
    assert coded(aorta, SITE) == [("15825003", "Aorta")]
    assert "450360000" not in {name for name, _, _ in measured(aorta)}
    assert measured(aorta)[("112058", "112055", "")] == 61


def places(group: Dataset, source: Subject) -> list[FloatArray]:
    """The lines [n, 3] in LPS mm that the numbers of a group are inferred from."""
    images = by_uid(source.source)
    lines = [
        part
        for item in group.ContentSequence
        if item.ValueType == "NUM"
        for part in item.get("ContentSequence", ())
        if part.ValueType == "SCOORD"
    ]
    return [positions_on(line.ContentSequence[0].ReferencedSOPSequence[0], line.GraphicData, images) for line in lines]


def test_the_score_of_a_site_is_inferred_from_the_outlines_of_its_lesions(subject: Subject) -> None:
    groups = measurement_groups(calcium_objects(subject.source, score_of(subject), NOT_ASKED).sr)
    grid = subject.source.volume.grid
    for group, plaque in ((groups[1], LAD), (groups[2], RCA), (groups[3], AORTA)):
        line, *_ = places(group, subject)
        first, size = np.array(plaque.first), np.array(plaque.size)
        corners = positions_of(grid, np.stack([first - 0.5, first + size - 0.5]).astype(np.float64))
        assert line[:, :2].min(axis=0) == pytest.approx(corners[:, :2].min(axis=0), abs=0.01)
        assert line[:, :2].max(axis=0) == pytest.approx(corners[:, :2].max(axis=0), abs=0.01)
        assert corners[:, 2].min() < line[0, 2] < corners[:, 2].max()


def test_every_group_has_a_place_on_an_image_without_which_web_viewers_give_the_report_up(plain: Subject) -> None:
    cases = every_case(plain)
    counts = [len(places(group, plain)) for group in measurement_groups(cases["scored"].sr)]
    assert counts == [3, 2, 1, 1]


def test_a_score_of_zero_is_inferred_from_the_heart_that_was_searched(plain: Subject) -> None:
    (group,) = measurement_groups(every_case(plain)["zero"].sr)
    (outline,) = places(group, plain)
    heart = a_score(plain.source.volume.grid, ()).searched
    first = np.array(heart.offset) - 0.5
    corners = positions_of(heart.grid, np.stack([first, first + heart.voxels.shape]))
    assert outline[:, :2].min(axis=0) == pytest.approx(corners[:, :2].min(axis=0), abs=0.01)
    assert outline[:, :2].max(axis=0) == pytest.approx(corners[:, :2].max(axis=0), abs=0.01)


def evaluations(sr: Dataset) -> Dataset:
    found: Dataset = next(i for i in sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "C0034375")
    return found


def texts(sr: Dataset) -> list[str]:
    return [item.TextValue for item in evaluations(sr).ContentSequence if item.ValueType == "TEXT"]


def test_the_report_says_estimate_categories_advice_rules_caveats_and_that_it_is_very_high(plain: Subject) -> None:
    sr, score = every_case(plain)["scored"].sr, a_score(plain.source.volume.grid)
    categories = ["CAC-DRS: A2/N2", "Agatston tiers 0 / 1-99 / 100-399 / >=400: 100-399"]
    assert texts(sr)[-6:-1] == [*categories, english.advice(score), english.variant(score), NON_GATED.text]
    assert coded(evaluations(sr), "CAC_ESTIMATE") == [("CAC_NON_GATED", "Non-gated estimate")]
    assert coded(evaluations(sr), "CAC_VERY_HIGH") == [("52101004", "Present")]
    ordinary = every_case(plain)["zero"].sr
    assert coded(evaluations(ordinary), "CAC_VERY_HIGH") == [("272519000", "Absent")]


def test_calcium_that_was_not_assessed_has_its_reason_and_figures_and_no_number(plain: Subject, tmp_path: Path) -> None:
    sr = every_case(plain)["not assessed"].sr
    assert coded(evaluations(sr), "450360000") == [("262008008", "Not performed")]
    assert texts(sr)[-2] == f"contrast: {CONTRAST.text} (blood_hu = 231; limit_hu = 90)"
    assert tid1500_groups(save(sr, tmp_path, "sr")) == []


def test_a_report_says_nothing_of_calcium_that_was_not_asked_for(plain: Subject, tmp_path: Path) -> None:
    tree = dsrdump(save(objects_of(plain.source, ()).sr, tmp_path, "sr"))
    assert "calcium" not in tree.lower()


def test_nodules_keep_their_segment_numbers_and_calcium_follows_by_site(plain: Subject) -> None:
    seg = seg_of(every_case(plain)["with nodules"])
    described = [(int(s.SegmentNumber), s.SegmentLabel) for s in seg.SegmentSequence]
    assert described == [
        (1, "Nodule 1"),
        (2, "Nodule 2"),
        (3, "LAD calcium"),
        (4, "RCA calcium"),
        (5, "Aorta calcium"),
    ]
    regions = [s.AnatomicRegionSequence[0].CodeValue for s in seg.SegmentSequence[2:]]
    assert regions == ["59438005", "13647002", "15825003"]
    assert {s.SegmentedPropertyTypeCodeSequence[0].CodeValue for s in seg.SegmentSequence[2:]} == {"18115005"}


def test_segments_and_groups_of_a_site_share_a_tracking_uid_that_lasts(plain: Subject) -> None:
    objects = every_case(plain)["scored"]
    series = plain.source.series.series_uid
    expected = {name: calcium_tracking_uid(series, site) for name, site in (("LAD calcium", Artery.LAD),)}
    of_segments = {s.SegmentLabel: s.TrackingUID for s in seg_of(objects).SegmentSequence}
    of_groups = {}
    for group in measurement_groups(objects.sr):
        values = {item.ConceptNameCodeSequence[0].CodeValue: item for item in group.ContentSequence}
        of_groups[values["112039"].TextValue] = values["112040"].UID
    assert of_segments.items() <= of_groups.items()
    assert expected.items() <= of_segments.items()
    assert len(set(of_groups.values())) == len(of_groups)


def test_the_colour_of_an_artery_does_not_depend_on_what_else_there_is(plain: Subject) -> None:
    alone = seg_of(calcium_objects(plain.source, score_of(plain, (RCA,)), NOT_ASKED)).SegmentSequence
    among = seg_of(every_case(plain)["with nodules"]).SegmentSequence
    assert alone[0].SegmentLabel == among[3].SegmentLabel == "RCA calcium"
    assert alone[0].RecommendedDisplayCIELabValue == among[3].RecommendedDisplayCIELabValue
    colours = [tuple(s.RecommendedDisplayCIELabValue) for s in among]
    assert len(set(colours)) == len(colours)


def test_dcmqi_decodes_every_voxel_of_calcium(subject: Subject, tmp_path: Path) -> None:
    objects = calcium_objects(subject.source, score_of(subject), subject.nodules)
    segments = segment_positions(save(seg_of(objects), tmp_path, "seg"), tmp_path / "segments")
    lad = sum(int(np.prod(p.size)) for p in PLAQUES if p.site is Artery.LAD)
    nodules = [nodule.mask.voxel_count for nodule in subject.nodules]
    assert [len(positions) for positions in segments] == [
        *nodules,
        lad,
        int(np.prod(RCA.size)),
        int(np.prod(AORTA.size)),
    ]


def test_calcium_lies_where_its_lesion_is(subject: Subject) -> None:
    grid = subject.source.volume.grid
    seg = seg_of(calcium_objects(subject.source, score_of(subject, (RCA,)), NOT_ASKED))
    lesion = a_lesion(RCA, grid)
    expected = positions_of(grid, np.argwhere(lesion.mask.full()).astype(np.float64))
    found = decoded_segments(seg)[1]
    assert sorted(map(tuple, found.round(2))) == sorted(map(tuple, expected.round(2)))


def test_lymph_nodes_and_bone_have_a_segment_and_no_score(plain: Subject) -> None:
    node = Plaque(OtherCalcium.OTHER, (22, 60, 70), (2, 2, 2), 900.0)
    objects = calcium_objects(plain.source, score_of(plain, (LAD, node)), NOT_ASKED)
    assert [s.SegmentLabel for s in seg_of(objects).SegmentSequence] == ["LAD calcium", "Other calcium"]
    values = [value for group in measurement_groups(objects.sr) for value in measured(group).values()]
    assert 900.0 not in values
    assert len(measurement_groups(objects.sr)) == 2


def test_a_score_of_zero_and_no_score_give_no_segmentation(plain: Subject) -> None:
    assert every_case(plain)["zero"].seg is None
    assert every_case(plain)["not assessed"].seg is None


def test_lesions_of_averaged_slices_are_shown_on_each_slice_that_they_were_averaged_from(tmp_path: Path) -> None:
    source = loaded(a_series(slices=60, slice_spacing_mm=1.0, slice_thickness_mm=1.0))
    slabs = scored_slabs(source.volume, CalciumPolicy())
    assert slabs.volume.grid.shape[0] == 20
    scored = a_lesion(Plaque(Artery.LAD, (5, 40, 66), (2, 2, 5), 20.0), slabs.volume.grid)
    mask = slabs.on_series(scored.mask)
    assert (mask.offset[0], mask.voxels.shape[0]) == (15, 6)
    score = a_score(source.volume.grid, (LAD,))
    score = replace(score, lesions=(replace(score.lesions[0], mask=mask),))
    seg = seg_of(calcium_objects(source, score, NOT_ASKED))
    (positions,) = segment_positions(save(seg, tmp_path, "seg"), tmp_path / "segments")
    assert len(positions) == 6 * 2 * 5
    height = positions[:, 2]
    bottom = slabs.volume.grid.affine[2, 3] + 5 * 3.0
    assert height.min() == pytest.approx(bottom - 1.0)
    assert height.max() == pytest.approx(bottom + 3.0 + 1.0)


def test_a_mask_that_is_not_on_the_grid_of_the_series_is_refused(plain: Subject) -> None:
    elsewhere = loaded(a_series(slices=60, slice_spacing_mm=1.0, slice_thickness_mm=1.0)).volume.grid
    with pytest.raises(ValueError, match="not on the grid"):
        calcium_objects(plain.source, a_score(elsewhere, (LAD,)))


@pytest.mark.slow
def test_the_report_of_calcium_follows_the_templates_but_for_the_known_false_positives(
    plain: Subject, tmp_path: Path
) -> None:
    """The checker holds TID 1501 groups against TID 1411, which names a region in one of three ways."""
    result = dicom_sr_validator(save(every_case(plain)["scored"].sr, tmp_path, "sr"))
    output = result.stdout + result.stderr
    assert "IOD validation complete" in output
    assert [error for error in sr_errors(output) if "Template 1411" not in error] == []


def test_calcium_does_not_hide_the_nodules_when_our_report_is_read_back(plain: Subject) -> None:
    series, nodules = plain.source.series, two_nodules(plain.source.volume.grid)
    for found in (nodules, ()):
        objects = calcium_objects(plain.source, score_of(plain), found)
        report, cautions = read_back(objects.all(), series)
        assert cautions == ()
        assert report is not None
        assert [nodule.tracking_uid for nodule in report.nodules] == [nodule.tracking_uid for nodule in found]
