"""Pages that show a nodule then and now, side by side: the same place, the same window, the same field of view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw

from cad.domain import FollowUp, Nodule, NoduleChange, PointLps, UInt8Array, Volume
from cad.geometry import index_of
from cad.report.pictures.lettering import draw_text
from cad.report.pictures.nodules import (
    DIM_TEXT_RGB,
    EDGE_PIXELS,
    FIELD_OF_VIEW_MARGIN,
    FIELD_OF_VIEW_MM,
    FOOTER_PIXELS,
    HALO,
    HEADER_PIXELS,
    PAGE_WIDTH_PIXELS,
    PANEL_GAP_PIXELS,
    PLANES,
    TEXT_POINTS,
    TEXT_RGB,
    View,
    as_array,
    draw_edges,
    empty_page,
    grey_panel,
    outlined,
)
from cad.report.statements.followup import ChangeStatement, FollowupStatement
from cad.report.words.pictures import PictureLabels, PictureWords

PANEL_PIXELS = (PAGE_WIDTH_PIXELS - 3 * PANEL_GAP_PIXELS) // 2
PAGE_HEIGHT_PIXELS = HEADER_PIXELS + PANEL_PIXELS + FOOTER_PIXELS
"""Two panels as wide as the three planes of a nodule's own page."""

THEN_RGB = (0, 220, 255)
"""A ring of the earlier nodule's mean diameter: its outline of then is not kept."""

CROSS_INNER_MM, CROSS_OUTER_MM = 5.0, 9.0
"""Four strokes around a place where there is no nodule."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonPage:
    """A page, RGB [row, column, 3], the change that it shows, and the slices of both scans (None: out of view)."""

    pixels: UInt8Array
    change: NoduleChange
    slice_now: int | None
    slice_then: int | None


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """A picture without letters, the view that it shows (None: out of view), and its date."""

    picture: Image.Image
    view: View | None
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What the panels of one nodule are drawn from."""

    now: Volume
    followup: FollowUp
    said: ChangeStatement
    words: PictureWords

    @property
    def change(self) -> NoduleChange:
        """The change that is drawn."""
        return self.said.record

    @property
    def nodule(self) -> Nodule | None:
        """The current nodule; None when it is gone."""
        return self.said.nodule

    @property
    def side_mm(self) -> float:
        """The field of view that holds the nodule of then and of now."""
        lengths = [0.0 if self.nodule is None else self.nodule.diameters.long_axis_mm]
        lengths.append(0.0 if self.change.prior is None else self.change.prior.size.axes.long_mm)
        return max(FIELD_OF_VIEW_MM, FIELD_OF_VIEW_MARGIN * max(lengths))


def comparison_pages(
    volume: Volume, statement: FollowupStatement | None, words: PictureWords
) -> Iterator[ComparisonPage]:
    """One page for each nodule that changed, and for some that are stable; none without a comparison."""
    for scene in _scenes(volume, statement, words):
        dates = (scene.followup.latest.scan.acquired.isoformat(), scene.followup.acquired.isoformat())
        page = empty_page(words.comparison_lines(scene.said, *dates), words.LABELS, PAGE_HEIGHT_PIXELS)
        for number, panel in enumerate((_then_panel(scene), _now_panel(scene))):
            page.paste(
                _captioned(panel, words.LABELS),
                (PANEL_GAP_PIXELS + number * (PANEL_PIXELS + PANEL_GAP_PIXELS), HEADER_PIXELS),
            )
        slice_now = _slice(volume, scene.change.place_in_current)
        yield ComparisonPage(as_array(page), scene.change, slice_now, shown_in_prior(scene.followup, scene.change))


def comparison_panels(
    volume: Volume, statement: FollowupStatement | None, words: PictureWords
) -> Iterator[tuple[ChangeStatement, UInt8Array, UInt8Array]]:
    """What is said of each pictured nodule, and its panels of then and of now without letters, RGB [row, column, 3]."""
    for scene in _scenes(volume, statement, words):
        yield scene.said, as_array(_then_panel(scene).picture), as_array(_now_panel(scene).picture)


def shown_in_prior(followup: FollowUp, change: NoduleChange) -> int | None:
    """The slice of the latest earlier scan that a comparison shows; None when it does not hold the place."""
    return _slice(followup.latest.scan.volume, change.place_in_prior)


def _scenes(volume: Volume, statement: FollowupStatement | None, words: PictureWords) -> Iterator[_Scene]:
    if statement is not None:
        yield from (_Scene(volume, statement.record, said, words) for said in statement.pictured)


def _then_panel(scene: _Scene) -> _Panel:
    scan, prior = scene.followup.latest.scan, scene.change.prior
    view = _view(scan.volume, scene.change.place_in_prior, scene.side_mm)
    caption = scene.words.LABELS.then.format(scan.acquired.isoformat())
    if view is None:
        return _out_of_view(caption, scene.words.LABELS)
    panel = Image.fromarray(grey_panel(scan.volume, view))
    pen = ImageDraw.Draw(panel)
    if prior is None:
        _draw_cross(pen, view)
    else:
        _draw_ring(pen, view, prior.centre, prior.size.axes.mean_mm / 2)
    return _Panel(panel, view, caption)


def _now_panel(scene: _Scene) -> _Panel:
    view = _view(scene.now, scene.change.place_in_current, scene.side_mm)
    caption = scene.words.LABELS.now.format(scene.followup.acquired.isoformat())
    if view is None:
        return _out_of_view(caption, scene.words.LABELS)
    rgb = grey_panel(scene.now, view)
    panel = Image.fromarray(rgb if scene.nodule is None else outlined(rgb, scene.nodule.mask, view))
    if scene.nodule is None:
        _draw_cross(ImageDraw.Draw(panel), view)
    return _Panel(panel, view, caption)


def _view(volume: Volume, place: PointLps | None, side_mm: float) -> View | None:
    """The axial slice nearest to a place, centred on it; None when the scan does not hold it."""
    k = _slice(volume, place)
    if k is None or place is None:
        return None
    _, j, i = index_of(volume.grid, place)
    return View(PLANES[0], volume.grid, (float(k), j, i), side_mm, PANEL_PIXELS)


def _slice(volume: Volume, place: PointLps | None) -> int | None:
    """The slice nearest to a place; None when the volume does not hold the place."""
    if place is None:
        return None
    index = tuple(round(value) for value in index_of(volume.grid, place))
    is_inside = all(0 <= number < size for number, size in zip(index, volume.grid.shape, strict=True))
    return index[0] if is_inside else None


def _draw_ring(pen: ImageDraw.ImageDraw, view: View, centre: PointLps, radius_mm: float) -> None:
    x, y = view.to_panel(centre)
    radius = radius_mm / view.side_mm * view.pixels
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=THEN_RGB, width=1)


def _draw_cross(pen: ImageDraw.ImageDraw, view: View) -> None:
    """Four strokes that point at the middle and leave it free."""
    middle, per_mm = view.pixels / 2, view.pixels / view.side_mm
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        ends = [(middle + dx * mm * per_mm, middle + dy * mm * per_mm) for mm in (CROSS_INNER_MM, CROSS_OUTER_MM)]
        pen.line(ends, fill=THEN_RGB, width=2)


def _captioned(panel: _Panel, words: PictureLabels) -> Image.Image:
    """The panel with its date, and, where it shows anything, the sides of the patient and the scale."""
    picture = panel.picture.copy()
    pen = ImageDraw.Draw(picture)
    _write(pen, (EDGE_PIXELS, EDGE_PIXELS), panel.caption, "la")
    if panel.view is not None:
        draw_edges(pen, panel.view, words)
        far = panel.view.pixels - EDGE_PIXELS
        _write(pen, (far, far), words.wide.format(panel.view.side_mm), "rs")
    return picture


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, anchor: str) -> None:
    draw_text(pen, place, text, TEXT_POINTS, fill=TEXT_RGB, anchor=anchor, **HALO)


def _out_of_view(caption: str, words: PictureLabels) -> _Panel:
    picture = Image.new("RGB", (PANEL_PIXELS, PANEL_PIXELS), (0, 0, 0))
    middle = (PANEL_PIXELS / 2, PANEL_PIXELS / 2)
    draw_text(ImageDraw.Draw(picture), middle, words.out_of_view, TEXT_POINTS, fill=DIM_TEXT_RGB, anchor="mm")
    return _Panel(picture, None, caption)
