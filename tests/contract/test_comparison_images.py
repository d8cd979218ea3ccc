"""Pages of then and now show the same place at the same size, whatever the grids of the two scans are."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cad.domain import Findings, FollowUp, NoduleChange, PointLps
from cad.policy import WordingPolicy
from cad.report.pictures.followup import (
    PANEL_PIXELS,
    THEN_RGB,
    comparison_pages,
    shown_in_prior,
)
from cad.report.pictures.nodules import CONTOUR_RGB, HEADER_PIXELS, PANEL_GAP_PIXELS
from cad.report.pictures.overlay import overlay_pictures
from cad.report.statements import state
from cad.report.statements.followup import FollowupStatement, state_followup
from cad.report.words.languages import ENGLISH
from dicom_io.read.reading import LoadedSeries
from tests.made.followups import (
    GONE,
    NOW,
    SHIFT,
    a_change,
    a_new,
    a_prior_series,
    a_resolved,
    a_scan,
    an_exam,
    followed_findings,
    followed_objects,
    moved,
)
from tests.made.series import Sphere, a_series
from tests.made.subjects import RIGHT_NODULE, Subject, drawn_nodule, loaded, some_findings

pytestmark = pytest.mark.contract

Pixels = npt.NDArray[np.uint8]
BRIGHT = 200
"""A soft-tissue nodule in the lung window; lung is below 100."""

MARKER = tuple(place + offset for place, offset in zip(RIGHT_NODULE.centre, (11.0, -8.0, 0.0), strict=True))
"""Beside the nodule, in its slice: moved in the prior scan as the nodule is."""

FINE: dict[str, Any] = {
    "rows": 160,
    "columns": 160,
    "row_spacing_mm": 1.0,
    "column_spacing_mm": 1.0,
    "slice_spacing_mm": 1.25,
}
COARSE: dict[str, Any] = {"rows": 120, "columns": 150, "pixel_mm": 1.4}


def panels(page: Pixels) -> tuple[Pixels, Pixels]:
    """The panels of then and of now."""
    left = [PANEL_GAP_PIXELS + n * (PANEL_PIXELS + PANEL_GAP_PIXELS) for n in range(2)]
    then, now = (page[HEADER_PIXELS : HEADER_PIXELS + PANEL_PIXELS, x : x + PANEL_PIXELS] for x in left)
    return then, now


def followup_of(findings: Findings) -> FollowupStatement | None:
    return state(findings, WordingPolicy()).followup


def findings_of(current: LoadedSeries, prior: LoadedSeries, *changes: NoduleChange) -> Findings:
    nodule = drawn_nodule(current.volume.grid)
    followup = FollowUp(NOW, (an_exam(a_scan(prior)),), changes or (a_change(nodule, 0),))
    return dataclasses.replace(some_findings(current.volume, (nodule,)), followup=followup)


def centre_mm(panel: Pixels, side_mm: float = 60.0) -> tuple[float, float]:
    """The middle of the one bright spot, in mm from the panel's middle, to the right and down."""
    grey = panel.min(axis=2)
    grey[:40], grey[-40:], grey[:, :30], grey[:, -30:] = 0, 0, 0, 0  # letters
    rows, columns = np.nonzero(grey > BRIGHT)
    per_mm = PANEL_PIXELS / side_mm
    return (columns.mean() - PANEL_PIXELS / 2) / per_mm, (rows.mean() - PANEL_PIXELS / 2) / per_mm


def test_a_marker_beside_the_nodule_is_at_the_same_place_and_of_the_same_size_in_both_panels() -> None:
    """Scans of 1 mm and 1.4 mm pixels, the prior one moved: half a pixel of the coarse one is 0.7 mm."""
    marker = Sphere((MARKER[0], MARKER[1], MARKER[2]), 8.0)
    there = moved(PointLps(*marker.centre))
    current = loaded(a_series(slices=80, spheres=[marker], **FINE))
    prior = a_prior_series(spheres=[Sphere((there.x, there.y, there.z), 8.0)], **COARSE)
    (page,) = comparison_pages(current.volume, followup_of(findings_of(current, prior)), ENGLISH.pictures)
    then, now = map(centre_mm, panels(page.pixels))
    assert now == pytest.approx((11.0, -8.0), abs=0.7)
    assert then == pytest.approx((11.0, -8.0), abs=0.9)
    sizes = [np.count_nonzero(panel.min(axis=2)[100:-100, 100:-100] > BRIGHT) for panel in panels(page.pixels)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.3)


def test_without_the_registration_the_marker_would_be_elsewhere() -> None:
    marker = Sphere((MARKER[0], MARKER[1], MARKER[2]), 8.0)
    in_its_slice = Sphere((MARKER[0], MARKER[1], MARKER[2] + SHIFT[2]), 8.0)
    unmoved = a_prior_series(spheres=[in_its_slice], **COARSE)
    current = loaded(a_series(slices=80, spheres=[marker], **FINE))
    (page,) = comparison_pages(current.volume, followup_of(findings_of(current, unmoved)), ENGLISH.pictures)
    then, _ = map(centre_mm, panels(page.pixels))
    assert then == pytest.approx((11.0 - SHIFT[0], -8.0 - SHIFT[1]), abs=0.9)


A_PRIOR_MEAN_MM = 7.5
"""Of axes of 8 and 7 mm."""


def colour(panel: Pixels, rgb: tuple[int, int, int]) -> npt.NDArray[np.intp]:
    found: npt.NDArray[np.intp] = np.argwhere((panel == rgb).all(axis=2))
    return found


def test_the_nodule_is_outlined_now_and_ringed_then(plain: Subject) -> None:
    grown, new, gone = (
        page for page in comparison_pages(plain.source.volume, followup_of(a_case(plain)), ENGLISH.pictures)
    )
    then, now = panels(grown.pixels)
    ring = colour(then, THEN_RGB)
    extent = (ring.max(axis=0) - ring.min(axis=0)) / PANEL_PIXELS * 60.0
    assert extent == pytest.approx([A_PRIOR_MEAN_MM] * 2, abs=0.3)  # the true size of then
    assert len(colour(now, CONTOUR_RGB)) > 50
    assert len(colour(then, CONTOUR_RGB)) == len(colour(now, THEN_RGB)) == 0
    then, now = panels(new.pixels)
    assert len(colour(then, THEN_RGB)) > 20  # a cross
    assert len(colour(now, CONTOUR_RGB)) > 50
    then, now = panels(gone.pixels)
    assert len(colour(then, THEN_RGB)) > 50
    assert len(colour(now, THEN_RGB)) > 20
    assert len(colour(now, CONTOUR_RGB)) == 0


def a_case(plain: Subject) -> Findings:
    return followed_findings(plain.source)


def test_the_field_of_view_holds_the_larger_of_both(plain: Subject) -> None:
    nodule = plain.nodules[0]
    change = a_change(nodule, 0)
    assert change.prior is not None
    large = dataclasses.replace(
        change.prior,
        size=dataclasses.replace(change.prior.size, axes=dataclasses.replace(change.prior.size.axes, long_mm=50.0)),
    )
    findings = findings_of(plain.source, a_prior_series(), dataclasses.replace(change, prior=large))
    (page,) = comparison_pages(plain.source.volume, followup_of(findings), ENGLISH.pictures)
    ring = colour(panels(page.pixels)[0], THEN_RGB)
    extent = (ring.max(axis=0) - ring.min(axis=0)) / PANEL_PIXELS
    assert extent == pytest.approx([large.size.axes.mean_mm / 80.0] * 2, abs=0.01)


def test_a_place_out_of_view_is_said_and_has_no_slice(plain: Subject) -> None:
    nodule = plain.nodules[0]
    outside = dataclasses.replace(a_new(nodule, 0), place_in_prior=PointLps(0.0, 0.0, 900.0))
    nowhere = dataclasses.replace(a_resolved(GONE), place_in_current=None)
    findings = findings_of(plain.source, a_prior_series(), outside, nowhere)
    first, second = comparison_pages(plain.source.volume, followup_of(findings), ENGLISH.pictures)
    assert first.slice_then is second.slice_now is None
    assert first.slice_now == nodule.diameters.slice_k
    assert panels(first.pixels)[0].mean() < 5
    assert panels(second.pixels)[1].mean() < 5


def test_the_shown_slice_of_the_prior_is_the_nearest_to_the_place(plain: Subject) -> None:
    findings = a_case(plain)
    assert isinstance(findings.followup, FollowUp)
    change = findings.followup.changes[0]
    assert change.place_in_prior is not None
    k = shown_in_prior(findings.followup, change)
    z = -48.75 + 2.5 * np.arange(40)  # the builder's slices about z = 0
    assert k == int(np.argmin(np.abs(z - change.place_in_prior.z)))


def test_the_lines_say_dates_volumes_change_and_doubling_time(plain: Subject) -> None:
    findings = a_case(plain)
    assert isinstance(findings.followup, FollowUp)
    grown, new, gone = state_followup(findings.followup, plain.nodules, WordingPolicy()).changes
    lines = functools.partial(ENGLISH.pictures.comparison_lines, then="2023-01-31", now="2024-01-31")
    assert lines(grown) == [
        "Nodule 1: growing, right lung",
        "2023-01-31: 210 [180–240] mm3, 7.4 mm; 2024-01-31: 420 [370–480] mm3, 9.3 mm",
        "Volume +100 % [+70, +140] in 365 days, mean diameter +1.9 mm, doubling time 365 days [290–480]",
    ]
    assert lines(new)[1].startswith("2023-01-31: not seen; 2024-01-31: ")
    assert lines(gone) == [
        "Earlier Nodule 2: resolved, right upper lobe",
        "2023-01-31: 118 [107–130] mm3, 7.5 mm; 2024-01-31: not seen",
    ]


def test_key_images_hold_a_page_of_then_and_now_for_each_change(plain: Subject) -> None:
    objects = followed_objects(plain.source)
    assert [int(ds.InstanceNumber) for ds in objects.key_images] == [1, 2, 3, 4, 5, 6]
    assert len({ds.SeriesInstanceUID for ds in objects.key_images}) == 1
    own, then = objects.key_images[3].SourceImageSequence
    assert own.ReferencedSOPInstanceUID in plain.source.series.sop_uids
    assert then.ReferencedSOPInstanceUID in a_prior_series().series.sop_uids


def test_overlays_name_the_nodule_or_count_those_that_are_gone(plain: Subject) -> None:
    names = [name for name, _ in overlay_pictures(plain.source.volume, state(a_case(plain), WordingPolicy()), ENGLISH)]
    assert names == [
        "lungs.png",
        "nodule-01.png",
        "nodule-02.png",
        "comparison-01.png",
        "comparison-02.png",
        "resolved-01.png",
    ]


def test_without_a_comparison_there_are_no_such_pages(plain: Subject) -> None:
    findings = some_findings(plain.source.volume, plain.nodules)
    assert list(comparison_pages(plain.source.volume, followup_of(findings), ENGLISH.pictures)) == []
