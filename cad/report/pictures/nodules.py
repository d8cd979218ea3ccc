"""Pages of key images as RGB arrays: one per nodule in three planes, and a summary of all.

Everything is drawn from canonical volumes in radiological convention: the patient's right is on the left of axial and
coronal panels, anterior on the left of sagittal ones, the head on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from cad.domain import (
    AxialAxis,
    BoolArray,
    Diameters,
    FloatArray,
    Grid,
    Int16Array,
    Nodule,
    NoduleMask,
    PointLps,
    UInt8Array,
    Volume,
)
from cad.geometry import index_of
from cad.report.pictures.lettering import draw_text, wrapped
from cad.report.pictures.sections import MARGIN_VOXELS, smooth_section
from cad.report.pictures.windows import LUNG_WINDOW_HU
from cad.report.words.pictures import PictureLabels

PANEL_PIXELS = 320
PANEL_GAP_PIXELS = 8
HEADER_PIXELS = 104
FOOTER_PIXELS = 32
PAGE_WIDTH_PIXELS = 3 * PANEL_PIXELS + 4 * PANEL_GAP_PIXELS
PAGE_HEIGHT_PIXELS = HEADER_PIXELS + PANEL_PIXELS + FOOTER_PIXELS
"""A page of three panels: readable in a viewport of a quarter screen, 1.4 MB as uncompressed RGB."""

TEXT_WIDTH_PIXELS = PAGE_WIDTH_PIXELS - 4 * PANEL_GAP_PIXELS

HEADER_LINES = 4
"""A title and three lines of text fit above the panels."""

SUMMARY_TOP_PIXELS = 46
LINE_PIXELS = 21
"""Where the text of a summary page begins below its title, and the distance of its lines."""

EDGE_PIXELS = 6
"""Distance of letters from the edge of a panel."""

FIELD_OF_VIEW_MM = 60.0
"""Side of a panel: a nodule with the vessels, pleura and fissure around it."""

FIELD_OF_VIEW_MARGIN = 1.6
"""A lesion larger than the field of view divided by this gets a wider field."""

CONTOUR_RGB = (255, 196, 0)
LONG_AXIS_RGB = (0, 220, 255)
SHORT_AXIS_RGB = (120, 255, 120)
TEXT_RGB = (235, 235, 235)
DIM_TEXT_RGB = (160, 160, 160)
BACKGROUND_RGB = (16, 16, 16)
HALO: Mapping[str, Any] = {"stroke_width": 2, "stroke_fill": BACKGROUND_RGB}
"""Behind letters on a picture."""
TITLE_POINTS = 20
TEXT_POINTS = 15

MAX_SUMMARY_LINES = 17
"""Lines that fit on a summary page below its title."""


@dataclass(frozen=True, slots=True)
class Plane:
    """An orthogonal plane of a canonical volume: which array axes are its rows and columns, and which are reversed."""

    normal: int
    rows: int
    columns: int
    reversed_rows: bool
    edges: tuple[str, str, str, str]
    """Letters at the left, right, top and bottom edge."""


PLANES = (
    Plane(normal=0, rows=1, columns=2, reversed_rows=False, edges=("R", "L", "A", "P")),
    Plane(normal=1, rows=0, columns=2, reversed_rows=True, edges=("R", "L", "H", "F")),
    Plane(normal=2, rows=0, columns=1, reversed_rows=True, edges=("A", "P", "H", "F")),
)


@dataclass(frozen=True, slots=True)
class View:
    """A square window of `side_mm` in a plane through the voxel index `centre` (k, j, i), drawn `pixels` wide."""

    plane: Plane
    grid: Grid
    centre: tuple[float, float, float]
    side_mm: float
    pixels: int = PANEL_PIXELS

    def to_panel(self, point: PointLps) -> tuple[float, float]:
        """Where a position falls on the panel, in panel pixels (x to the right, y down)."""
        index = index_of(self.grid, point)
        return self._panel_coordinate(index, self.plane.columns), self._panel_coordinate(index, self.plane.rows)

    def _panel_coordinate(self, index: tuple[float, float, float], axis: int) -> float:
        offset_mm = (index[axis] - self.centre[axis]) * self.grid.spacing_kji_mm[axis]
        if axis == self.plane.rows and self.plane.reversed_rows:
            offset_mm = -offset_mm
        return (offset_mm / self.side_mm + 0.5) * self.pixels

    def sample_indices(self, axis: int) -> FloatArray:
        """The voxel coordinates [n] along an array axis that the panel's pixel centres show."""
        offsets_mm = ((np.arange(self.pixels) + 0.5) / self.pixels - 0.5) * self.side_mm
        if axis == self.plane.rows and self.plane.reversed_rows:
            offsets_mm = -offsets_mm
        coordinates: FloatArray = self.centre[axis] + offsets_mm / self.grid.spacing_kji_mm[axis]
        return coordinates


def nodule_page(volume: Volume, nodule: Nodule, lines: Sequence[str], words: PictureLabels) -> UInt8Array:
    """The nodule in three planes with its contour, and its axes on the axial one; RGB [row, column, 3].

    `lines` are the title and lines of text; what does not fit above the panels is cut off with dots.
    """
    page = empty_page(lines, words)
    for number, panel in enumerate(_panels(volume, nodule, words)):
        left = PANEL_GAP_PIXELS + number * (PANEL_PIXELS + PANEL_GAP_PIXELS)
        page.paste(panel, (left, HEADER_PIXELS))
    return as_array(page)


def nodule_panels(volume: Volume, nodule: Nodule, words: PictureLabels) -> tuple[UInt8Array, ...]:
    """The axial, coronal and sagittal panel of a nodule, each RGB [row, column, 3]."""
    return tuple(as_array(panel) for panel in _panels(volume, nodule, words))


def _panels(volume: Volume, nodule: Nodule, words: PictureLabels) -> Iterator[Image.Image]:
    return (_panel(volume, nodule, _view(volume.grid, nodule, plane), words) for plane in PLANES)


def summary_page(title: str, lines: Sequence[str], words: PictureLabels) -> UInt8Array:
    """A page of text; lines beyond the last that fits are counted instead of shown. RGB [row, column, 3]."""
    page = empty_page([title], words)
    pen = ImageDraw.Draw(page)
    fitting = [part for line in lines for part in wrapped(line, TEXT_WIDTH_PIXELS, TEXT_POINTS)]
    shown = fitting[:MAX_SUMMARY_LINES]
    if len(fitting) > MAX_SUMMARY_LINES:
        shown[-1] = words.more_lines.format(len(fitting) - MAX_SUMMARY_LINES + 1)
    for number, line in enumerate(shown):
        position = (2 * PANEL_GAP_PIXELS, SUMMARY_TOP_PIXELS + number * LINE_PIXELS)
        draw_text(pen, position, line, TEXT_POINTS, fill=TEXT_RGB)
    return as_array(page)


def _view(grid: Grid, nodule: Nodule, plane: Plane) -> View:
    k, j, i = index_of(grid, nodule.centre)
    if plane.normal == 0:
        k = float(nodule.diameters.slice_k)
    side_mm = max(FIELD_OF_VIEW_MM, FIELD_OF_VIEW_MARGIN * nodule.diameters.long_axis_mm)
    return View(plane, grid, (k, j, i), side_mm)


def _panel(volume: Volume, nodule: Nodule, view: View, words: PictureLabels) -> Image.Image:
    panel = Image.fromarray(outlined(grey_panel(volume, view), nodule.mask, view))
    pen = ImageDraw.Draw(panel)
    if view.plane.normal == 0:
        _draw_axis(pen, view, nodule.diameters.long_axis, LONG_AXIS_RGB)
        _draw_axis(pen, view, nodule.diameters.short_axis, SHORT_AXIS_RGB)
        _draw_lengths(pen, nodule.diameters)
    draw_edges(pen, view, words)
    return panel


def grey_panel(volume: Volume, view: View, window: tuple[float, float] = LUNG_WINDOW_HU) -> UInt8Array:
    """The plane of the view in a window of (centre, width) in HU, RGB [row, column, 3]."""
    grey = _windowed(_sampled(_slab(volume.hu, view), view), window)
    rgb: UInt8Array = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    return rgb


def outlined(
    rgb: UInt8Array, mask: NoduleMask, view: View, colour: tuple[int, int, int] = CONTOUR_RGB, width: int = 1
) -> UInt8Array:
    """The panel [rows, columns, 3] with the border of the mask, `width` pixels that lie just outside of it."""
    drawn, inside = rgb.copy(), _mask_on_panel(mask, view)
    for _ in range(width):
        outline = _outline(inside)
        drawn[outline] = colour
        inside = inside | outline
    return drawn


def _slab(hu: Int16Array, view: View) -> FloatArray:
    """The plane through the view's centre [rows, columns] in HU, the nearest one of the volume."""
    index = int(np.clip(round(view.centre[view.plane.normal]), 0, hu.shape[view.plane.normal] - 1))
    plane: FloatArray = np.take(hu, index, axis=view.plane.normal).astype(np.float64)
    return plane


def _sampled(plane: FloatArray, view: View) -> FloatArray:
    """The plane on the panel's pixels by bilinear interpolation; NaN outside the volume."""
    rows, columns = view.sample_indices(view.plane.rows), view.sample_indices(view.plane.columns)
    along_rows = _interpolated(plane, rows)
    sampled: FloatArray = _interpolated(along_rows.T, columns).T
    return sampled


def _interpolated(plane: FloatArray, positions: FloatArray) -> FloatArray:
    """Linear interpolation of `plane` along its first axis; NaN beyond half a voxel outside."""
    last = plane.shape[0] - 1
    inside = np.clip(positions, 0, last)
    low = np.floor(inside).astype(np.intp)
    high = np.minimum(low + 1, last)
    weight = (inside - low)[:, np.newaxis]
    values: FloatArray = plane[low] * (1 - weight) + plane[high] * weight
    values[(positions < -0.5) | (positions > last + 0.5)] = np.nan
    return values


def _windowed(hu: FloatArray, window: tuple[float, float]) -> UInt8Array:
    centre_hu, width_hu = window
    scaled = (hu - (centre_hu - width_hu / 2)) / width_hu
    grey: UInt8Array = (np.clip(np.nan_to_num(scaled, nan=0.0), 0, 1) * 255).astype(np.uint8)
    return grey


def _mask_on_panel(mask: NoduleMask, view: View) -> BoolArray:
    """The mask on the panel's pixels [row, column], with a smooth border; empty where the plane misses it."""
    plane = view.plane
    at = round(view.centre[plane.normal]) - mask.offset[plane.normal]
    if not 0 <= at < mask.voxels.shape[plane.normal]:
        return np.zeros((view.pixels, view.pixels), dtype=np.bool_)
    section = np.take(mask.voxels, at, axis=plane.normal)
    if not section.any():
        return np.zeros((view.pixels, view.pixels), dtype=np.bool_)
    field, level = smooth_section(section)
    rows, columns = (
        view.sample_indices(axis) - mask.offset[axis] + MARGIN_VOXELS for axis in (plane.rows, plane.columns)
    )
    sampled = ndimage.map_coordinates(field, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="constant")
    panel: BoolArray = sampled > level
    return panel


def _outline(mask: BoolArray) -> BoolArray:
    """The pixels just outside the mask that touch it, so that the line hides nothing of the nodule."""
    padded = np.pad(mask, 1)
    neighbours = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    outline: BoolArray = neighbours & ~mask
    return outline


def _draw_axis(pen: ImageDraw.ImageDraw, view: View, axis: AxialAxis, colour: tuple[int, int, int]) -> None:
    pen.line([view.to_panel(axis.start), view.to_panel(axis.end)], fill=colour, width=1)


def _draw_lengths(pen: ImageDraw.ImageDraw, diameters: Diameters) -> None:
    """The lengths of the axes in their colours, in the corner, where they hide nothing."""
    lengths = ((diameters.long_axis_mm, LONG_AXIS_RGB), (diameters.short_axis_mm, SHORT_AXIS_RGB))
    for number, (length_mm, colour) in enumerate(lengths):
        position = (EDGE_PIXELS, EDGE_PIXELS + number * (TEXT_POINTS + 3))
        text = f"{length_mm:.1f} mm"
        draw_text(pen, position, text, TEXT_POINTS, fill=colour, **HALO)


def draw_edges(pen: ImageDraw.ImageDraw, view: View, words: PictureLabels) -> None:
    """Letters for the sides of the patient, and the name of the plane."""
    left, right, top, bottom = view.plane.edges
    middle, far = view.pixels / 2, view.pixels - EDGE_PIXELS
    for position, text, anchor in (
        ((EDGE_PIXELS, middle), left, "lm"),
        ((far, middle), right, "rm"),
        ((middle, EDGE_PIXELS), top, "mt"),
        ((middle, far), bottom, "mb"),
        ((EDGE_PIXELS, far), words.planes[view.plane.normal], "ls"),
    ):
        draw_text(pen, position, text, TEXT_POINTS, fill=TEXT_RGB, anchor=anchor, **HALO)


def empty_page(lines: Sequence[str], words: PictureLabels, height: int = PAGE_HEIGHT_PIXELS) -> Image.Image:
    """A page with a title, the lines below it as far as they fit, and the footer."""
    page = Image.new("RGB", (PAGE_WIDTH_PIXELS, height), BACKGROUND_RGB)
    pen = ImageDraw.Draw(page)
    left = 2 * PANEL_GAP_PIXELS
    if lines:
        draw_text(pen, (left, 10), lines[0], TITLE_POINTS, fill=TEXT_RGB)
    below = [part for line in lines[1:] for part in wrapped(line, TEXT_WIDTH_PIXELS, TEXT_POINTS)]
    room = HEADER_LINES - 1
    if len(below) > room:
        below = [*below[: room - 1], f"{below[room - 1]} ..."]
    for number, line in enumerate(below):
        draw_text(pen, (left, 38 + number * LINE_PIXELS), line, TEXT_POINTS, fill=TEXT_RGB)
    footer = (left, height - FOOTER_PIXELS + 8)
    draw_text(pen, footer, words.footer, TEXT_POINTS, fill=DIM_TEXT_RGB)
    return page


def as_array(page: Image.Image) -> npt.NDArray[np.uint8]:
    """The picture as an array, RGB [row, column, 3]."""
    return np.asarray(page, dtype=np.uint8)
