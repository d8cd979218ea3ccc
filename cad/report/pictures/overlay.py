"""Axial slices with contours as PNG: one per nodule, and an overview of the lungs.

Radiological convention: the patient's right is on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from PIL import Image, ImageDraw

from cad.domain import BoolArray, Int16Array, LungMask, Nodule, UInt8Array, Volume
from cad.report.pictures.calcium import calcium_page
from cad.report.pictures.followup import comparison_pages
from cad.report.pictures.lettering import draw_text
from cad.report.pictures.sections import MARGIN_VOXELS, smooth_section
from cad.report.pictures.windows import LUNG_WINDOW_HU
from cad.report.statements import Statements
from cad.report.words.languages import LanguageWords
from cad.report.words.pictures import PictureLabels, PictureWords

NODULE_RGB = (255, 196, 0)
RIGHT_LUNG_RGB = (64, 160, 255)
LEFT_LUNG_RGB = (96, 230, 140)
TEXT_RGB = (235, 235, 235)
PICTURE_PIXELS = 768
"""Width of a picture: a slice of 512 columns one and a half times enlarged."""
TEXT_POINTS = 18
OVERVIEW_PICTURES = 9


@dataclass(frozen=True, slots=True)
class Outline:
    """A region of one slice [j, i] and the colour of its border."""

    mask: BoolArray
    rgb: tuple[int, int, int]


def overlay_pictures(
    volume: Volume, statements: Statements, words: LanguageWords, numbers: Sequence[str | None] = ()
) -> Iterator[tuple[str, Image.Image]]:
    """File names and pictures: `lungs.png`, `nodule-01.png` and so on in the order of the findings, and what follows.

    `comparison-01.png` shows then and now of `nodule-01.png`, and `resolved-01.png` the first nodule that is gone;
    `calcium.png` the slices with the most coronary calcium. `numbers` are those under which viewers show the slices k.
    """
    yield "lungs.png", lungs_overview(volume, statements.lungs, words.pictures.LABELS)
    nodules = tuple(one.nodule for one in statements.found)
    for number, nodule in enumerate(nodules, start=1):
        yield f"nodule-{number:02d}.png", nodule_picture(volume, nodule, nodules, words.pictures, numbers)
    yield from _comparisons(volume, statements, words.pictures)
    page = None if statements.calcium is None else calcium_page(volume, statements.calcium, words)
    if page is not None:
        yield "calcium.png", Image.fromarray(page.pixels)


def _comparisons(volume: Volume, statements: Statements, words: PictureWords) -> Iterator[tuple[str, Image.Image]]:
    resolved = count(1)
    for page in comparison_pages(volume, statements.followup, words):
        current = page.change.current
        name = f"resolved-{next(resolved):02d}.png" if current is None else f"comparison-{current + 1:02d}.png"
        yield name, Image.fromarray(page.pixels)


def nodule_picture(
    volume: Volume,
    nodule: Nodule,
    others: tuple[Nodule, ...],
    words: PictureWords,
    numbers: Sequence[str | None] = (),
) -> Image.Image:
    """The slice of the nodule's diameters, with the contour of every nodule that it crosses."""
    k = nodule.diameters.slice_k
    outlines = [Outline(_slice_of(other, k), NODULE_RGB) for other in (nodule, *others)]
    picture = _drawn(volume, k, outlines, PICTURE_PIXELS)
    lines = words.overlay_lines(nodule, numbers[k] if numbers else None, (k + 1, volume.grid.shape[0]))
    return _captioned(picture, lines)


def lungs_overview(volume: Volume, lungs: LungMask | None, words: PictureLabels) -> Image.Image:
    """Nine slices spread over the lungs with the border of each lung; over the whole volume when there are none."""
    height = np.arange(volume.grid.shape[0]) if lungs is None else np.flatnonzero(lungs.labels.any(axis=(1, 2)))
    chosen = np.linspace(height[0], height[-1], OVERVIEW_PICTURES + 2)[1:-1].round().astype(int)[::-1]
    tiles = [_drawn(volume, int(k), _lung_outlines(lungs, int(k)), PICTURE_PIXELS // 3) for k in chosen]
    width, height_px = tiles[0].size
    sheet = Image.new("RGB", (3 * width, 3 * height_px))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % 3 * width, number // 3 * height_px))
    return _captioned(sheet, (words.no_lungs if lungs is None else words.lung_colours,))


def _lung_outlines(lungs: LungMask | None, k: int) -> list[Outline]:
    if lungs is None:
        return []
    return [
        Outline(lungs.labels[k] == LungMask.RIGHT, RIGHT_LUNG_RGB),
        Outline(lungs.labels[k] == LungMask.LEFT, LEFT_LUNG_RGB),
    ]


def _drawn(volume: Volume, k: int, outlines: list[Outline], width: int) -> Image.Image:
    """Slice k in true proportions, `width` pixels wide, with borders one picture pixel outside each region."""
    _, rows, columns = volume.grid.shape
    _, dj, di = volume.grid.spacing_kji_mm
    size = (width, max(1, round(width * rows * dj / (columns * di))))
    grey = Image.fromarray(_windowed(volume.hu[k])).resize(size, Image.Resampling.BICUBIC)
    rgb = np.repeat(np.asarray(grey)[:, :, np.newaxis], 3, axis=2)
    for outline in outlines:
        if outline.mask.any():
            field, level = smooth_section(outline.mask)
            inner = field[MARGIN_VOXELS:-MARGIN_VOXELS, MARGIN_VOXELS:-MARGIN_VOXELS].astype(np.float32)
            enlarged = Image.fromarray(inner).resize(size, Image.Resampling.BILINEAR)
            rgb[_border(np.asarray(enlarged) > level)] = outline.rgb
    return Image.fromarray(rgb)


def _windowed(hu: Int16Array) -> UInt8Array:
    centre, width = LUNG_WINDOW_HU
    scaled = (hu.astype(np.float64) - (centre - width / 2)) / width
    grey: UInt8Array = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    return grey


def _slice_of(nodule: Nodule, k: int) -> BoolArray:
    """The nodule's mask in slice k of the whole grid [j, i]."""
    inside = np.zeros(nodule.mask.grid.shape[1:], dtype=np.bool_)
    height, rows, columns = nodule.mask.slices
    if height.start <= k < height.stop:
        inside[rows, columns] = nodule.mask.voxels[k - height.start]
    return inside


def _border(mask: BoolArray) -> BoolArray:
    """The pixels just outside the mask that touch it, so that the line hides nothing of it."""
    padded = np.pad(mask, 1)
    near: BoolArray = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    border: BoolArray = near & ~mask
    return border


def _captioned(picture: Image.Image, lines: tuple[str, ...]) -> Image.Image:
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        place = (12, 10 + number * (TEXT_POINTS + 6))
        draw_text(pen, place, line, TEXT_POINTS, fill=TEXT_RGB, stroke_width=2, stroke_fill=(0, 0, 0))
    return picture
