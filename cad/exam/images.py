"""What was found on the measured grid of a scan → the same on the grid of its images."""

from __future__ import annotations

from dataclasses import replace

from cad.domain import CalciumScore, Caution, Findings, Nodule, NoduleMeasures, NotAssessed
from cad.science.sampling import Measured


def on_images(findings: Findings, measured: Measured) -> Findings:
    """The findings with lungs, outlines and axes on the images, and a word on the grid that was measured."""
    if measured.is_own:
        return findings
    nodules, calcium = findings.nodules, findings.calcium
    return replace(
        findings,
        lungs=None if findings.lungs is None else measured.lungs(findings.lungs),
        nodules=nodules if isinstance(nodules, NotAssessed) else tuple(_nodule(n, measured) for n in nodules),
        calcium=calcium if isinstance(calcium, NotAssessed) else _calcium(calcium, measured),
        warnings=(*findings.warnings, *_cautions(measured)),
    )


def _nodule(nodule: Nodule, measured: Measured) -> Nodule:
    measures = nodule.measures
    return replace(
        nodule,
        mask=measured.drawn(nodule.mask, nodule.volume_mm3),
        diameters=measured.axes(nodule.diameters),
        measures=None if measures is None else _measures(measures, measured),
    )


def _measures(measures: NoduleMeasures, measured: Measured) -> NoduleMeasures:
    if measures.solid is None:
        return measures
    return replace(measures, solid=replace(measures.solid, diameters=measured.axes(measures.solid.diameters)))


def _calcium(calcium: CalciumScore, measured: Measured) -> CalciumScore:
    return replace(
        calcium, lesions=tuple(replace(lesion, mask=measured.nearest(lesion.mask)) for lesion in calcium.lesions)
    )


def _cautions(measured: Measured) -> tuple[Caution, ...]:
    """A word where slices were not the scanner's own; finer ones that were averaged need none."""
    if not measured.is_interpolated:
        return ()
    own, images = measured.volume.grid.spacing_kji_mm[0], measured.images.spacing_kji_mm[0]
    text = (
        f"The slices, {images:.3g} mm apart, were interpolated from slices about {own:.2g} mm apart, or overlap: "
        "they were measured at that distance."
    )
    return (Caution("slices-of-others", text),)
