"""Pages that show a nodule then and now, side by side: the same place, the same window, the same field of view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw

from cad.domain import FollowUp, Nodule, NoduleChange, PointLps, UInt8Array, Volume
from cad.geometry import index_of
from cad.report.pictures.nodules import (
    BACKGROUND_RGB,
    DIM_TEXT_RGB,
    EDGE_PIXELS,
    FIELD_OF_VIEW_MARGIN,
    FIELD_OF_VIEW_MM,
    FOOTER_PIXELS,
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
    font_of,
    grey_panel,
    outlined,
)
from cad.report.statements.followup import ChangeStatement, FollowupStatement, SizeSaid
from cad.report.words.en import followup as compared_english
from cad.report.words.numbers import change_percent, days_interval, signed_mm, size_volume, whole

PANEL_PIXELS = (PAGE_WIDTH_PIXELS - 3 * PANEL_GAP_PIXELS) // 2
PAGE_HEIGHT_PIXELS = HEADER_PIXELS + PANEL_PIXELS + FOOTER_PIXELS
"""Two panels as wide as the three planes of a nodule's own page."""

THEN_RGB = (0, 220, 255)
"""A ring of the earlier nodule's mean diameter: its outline of then is not kept."""

CROSS_INNER_MM, CROSS_OUTER_MM = 5.0, 9.0
"""Four strokes around a place where there is no nodule."""

OUT_OF_VIEW = "outside the field of view"


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


def comparison_pages(volume: Volume, statement: FollowupStatement | None) -> Iterator[ComparisonPage]:
    """One page for each nodule that changed, and for some that are stable; none without a comparison."""
    for scene in _scenes(volume, statement):
        page = empty_page(comparison_lines(scene.followup, scene.said), PAGE_HEIGHT_PIXELS)
        for number, panel in enumerate((_then_panel(scene), _now_panel(scene))):
            page.paste(
                _captioned(panel), (PANEL_GAP_PIXELS + number * (PANEL_PIXELS + PANEL_GAP_PIXELS), HEADER_PIXELS)
            )
        slice_now = _slice(volume, scene.change.place_in_current)
        yield ComparisonPage(as_array(page), scene.change, slice_now, shown_in_prior(scene.followup, scene.change))


def comparison_panels(
    volume: Volume, statement: FollowupStatement | None
) -> Iterator[tuple[ChangeStatement, UInt8Array, UInt8Array]]:
    """What is said of each pictured nodule, and its panels of then and of now without letters, RGB [row, column, 3]."""
    for scene in _scenes(volume, statement):
        yield scene.said, as_array(_then_panel(scene).picture), as_array(_now_panel(scene).picture)


def shown_in_prior(followup: FollowUp, change: NoduleChange) -> int | None:
    """The slice of the latest earlier scan that a comparison shows; None when it does not hold the place."""
    return _slice(followup.latest.scan.volume, change.place_in_prior)


def comparison_lines(followup: FollowUp, said: ChangeStatement) -> list[str]:
    """The lines above the panels: what became of the nodule, its sizes with their dates, and the doubling time."""
    cells = compared_english.cells(said)
    place = compared_english.place(said)
    then = f"{followup.latest.scan.acquired.isoformat()}: {_size(said.then)}"
    now = f"{followup.acquired.isoformat()}: {_size(said.now)}"
    lines = [f"{cells.nodule}: {cells.verdict}{place and f', {place}'}", f"{then}; {now}"]
    if said.change is None:
        return lines
    days = said.change.doubling_time_days
    interval = days_interval(said.change.doubling_time_interval_days)
    doubling = "" if days is None else f", doubling time {whole(days)} days{interval}"
    return [
        *lines,
        f"Volume {change_percent(said.change)} in {whole(said.change.interval_days)} days, mean diameter "
        f"{signed_mm(said.change.mean_diameter_mm)}{doubling}",
    ]


def _size(size: SizeSaid | None) -> str:
    return "not seen" if size is None else f"{size_volume(size)} mm3, {size.mean_diameter_mm:.1f} mm"


def _scenes(volume: Volume, statement: FollowupStatement | None) -> Iterator[_Scene]:
    if statement is not None:
        yield from (_Scene(volume, statement.record, said) for said in statement.pictured)


def _then_panel(scene: _Scene) -> _Panel:
    scan, prior = scene.followup.latest.scan, scene.change.prior
    view = _view(scan.volume, scene.change.place_in_prior, scene.side_mm)
    caption = f"{scan.acquired.isoformat()} (then)"
    if view is None:
        return _out_of_view(caption)
    panel = Image.fromarray(grey_panel(scan.volume, view))
    pen = ImageDraw.Draw(panel)
    if prior is None:
        _draw_cross(pen, view)
    else:
        _draw_ring(pen, view, prior.centre, prior.size.axes.mean_mm / 2)
    return _Panel(panel, view, caption)


def _now_panel(scene: _Scene) -> _Panel:
    view = _view(scene.now, scene.change.place_in_current, scene.side_mm)
    caption = f"{scene.followup.acquired.isoformat()} (now)"
    if view is None:
        return _out_of_view(caption)
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


def _captioned(panel: _Panel) -> Image.Image:
    """The panel with its date, and, where it shows anything, the sides of the patient and the scale."""
    picture = panel.picture.copy()
    pen = ImageDraw.Draw(picture)
    _write(pen, (EDGE_PIXELS, EDGE_PIXELS), panel.caption, "la")
    if panel.view is not None:
        draw_edges(pen, panel.view)
        far = panel.view.pixels - EDGE_PIXELS
        _write(pen, (far, far), f"{panel.view.side_mm:.0f} mm wide", "rs")
    return picture


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, anchor: str) -> None:
    pen.text(place, text, TEXT_RGB, font_of(TEXT_POINTS), anchor, stroke_width=2, stroke_fill=BACKGROUND_RGB)


def _out_of_view(caption: str) -> _Panel:
    picture = Image.new("RGB", (PANEL_PIXELS, PANEL_PIXELS), (0, 0, 0))
    middle = (PANEL_PIXELS / 2, PANEL_PIXELS / 2)
    ImageDraw.Draw(picture).text(middle, OUT_OF_VIEW, DIM_TEXT_RGB, font_of(TEXT_POINTS), "mm")
    return _Panel(picture, None, caption)
