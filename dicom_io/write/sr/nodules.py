"""One nodule → the measurements and qualitative evaluations of its volumetric group (TID 1411).

What was not assessed has no item: a report holds nothing that was not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from highdicom.sr import FindingSite, Measurement, QualitativeEvaluation
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from cad.domain import (
    Lobe,
    MalignancyRisk,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleMeasures,
    ReaderRatings,
    SolidComponent,
    rounded,
)
from cad.report.statements.nodules import NoduleStatement, Sign
from dicom_io import codes
from dicom_io.write.source_images import SourceImages
from dicom_io.write.sr.lines import line_on


def finding_site(nodule: Nodule) -> FindingSite:
    """The lobe, or the lung where the lobe is not known, with its side."""
    laterality = codes.LATERALITY[nodule.side]
    if nodule.location is None or nodule.location.lobe is None:
        return FindingSite(codes.LUNG, laterality=laterality)
    lobe = nodule.location.lobe
    return FindingSite(codes.LOBE[lobe], laterality=None if lobe is Lobe.RML else laterality)


def volumetric_measurements(one: NoduleStatement) -> list[Measurement]:
    """Everything that was measured or estimated, both axes first: viewers show the first few."""
    nodule, diameters = one.nodule, one.nodule.diameters
    found = [
        _in_mm(codes.LONG_AXIS, diameters.long_axis_mm),
        _in_mm(codes.SHORT_AXIS, diameters.short_axis_mm),
        _in_mm3(codes.VOLUME, nodule.volume_mm3),
        Measurement(codes.DIAMETER, tenth(diameters.mean_mm), codes.MILLIMETRE, derivation=codes.MEAN),
        Measurement(codes.MEAN_ATTENUATION, tenth(nodule.mean_hu), codes.HOUNSFIELD_UNIT),
        Measurement(codes.MASS, tenth(nodule.mass_mg), codes.MILLIGRAM),
        _in_percent(codes.CERTAINTY_OF_FINDING, nodule.score),
    ]
    if nodule.measures is not None:
        found.extend(_measures(nodule.measures))
    if nodule.location is not None:
        found.extend(_location(nodule.location))
    if nodule.attributes is not None:
        found.extend(_in_percent(codes.SIGN_CERTAINTY[sign], p) for sign, p in _signs(nodule.attributes))
    if nodule.ratings is not None:
        found.extend(_ratings(nodule.ratings))
    return found + list(_risks(one.risks or {}))


def qualitative_evaluations(one: NoduleStatement) -> list[QualitativeEvaluation]:
    """The composition, border shape and margins, other signs as present or absent, and the pattern of calcification."""
    found = [QualitativeEvaluation(codes.TEXTURE, codes.COMPOSITION[one.nodule.composition])]
    attributes = one.nodule.attributes
    if attributes is None:
        return found
    answers = [*map(_present, one.signs), *(_absent(sign) for sign in one.absent)]
    found.extend(QualitativeEvaluation(*answer) for answer in answers if answer is not None)
    if attributes.calcification_pattern is not None:
        pattern = codes.CALCIFICATION_PATTERN[attributes.calcification_pattern]
        found.append(QualitativeEvaluation(codes.CALCIFICATION_PATTERN_NAME, pattern))
    return found


def _present(sign: Sign) -> tuple[Code, Code]:
    finding = codes.SIGN_FINDING.get(sign)
    return codes.SIGN_ANSWER[sign] if finding is None else (finding, codes.PRESENT)


def _absent(sign: Sign) -> tuple[Code, Code] | None:
    """None where no answer says that a sign is absent: its certainty does."""
    finding = codes.SIGN_FINDING.get(sign)
    return codes.SIGN_ABSENT.get(sign) if finding is None else (finding, codes.ABSENT)


def draw_axes(group: Dataset, nodule: Nodule, source: SourceImages) -> None:
    """Gives both axes of a nodule's group their lines on the source image.

    TID 1419 has no coordinates; the template is extensible. Viewers that edit measurements (OHIF) draw the axes by them
    and take their order and meanings literally.
    """
    diameters = nodule.diameters
    for name, axis in ((codes.LONG_AXIS, diameters.long_axis), (codes.SHORT_AXIS, diameters.short_axis)):
        item = next(item for item in group.ContentSequence if item.name == name)
        item.ContentSequence = [
            *item.get("ContentSequence", ()),
            line_on(source, [axis.start, axis.end], diameters.slice_k),
        ]


def tenth(value: float) -> float:
    """Rounded to the tenth, which the guidelines ask of diameters and which no other value here exceeds in meaning."""
    return rounded(float(value), 1)


def _in_mm(name: Code, value: float) -> Measurement:
    return Measurement(name, tenth(value), codes.MILLIMETRE)


def _in_mm3(name: Code, value: float) -> Measurement:
    return Measurement(name, tenth(value), codes.CUBIC_MILLIMETRE)


def _in_percent(name: Code, probability: float, method: Code | None = None) -> Measurement:
    return Measurement(name, tenth(probability * 100), codes.PERCENT, method=method)


def _measures(measures: NoduleMeasures) -> Iterator[Measurement]:
    ends = zip((codes.VOLUME_LOWER, codes.VOLUME_UPPER), measures.volume_interval_mm3, strict=True)
    yield from (_in_mm3(name, value) for name, value in ends)
    yield _in_mm(codes.MAX_3D_DIAMETER, measures.max_3d_diameter_mm)
    yield Measurement(codes.SURFACE_AREA, tenth(measures.surface_mm2), codes.SQUARE_MILLIMETRE)
    yield Measurement(codes.SPHERICITY, round(float(measures.sphericity), 3), codes.NO_UNITS)
    if measures.solid is not None:
        yield from _solid(measures.solid)


def _solid(solid: SolidComponent) -> Iterator[Measurement]:
    yield _in_mm(codes.SOLID_LONG_AXIS, solid.diameters.long_axis_mm)
    yield _in_mm(codes.SOLID_SHORT_AXIS, solid.diameters.short_axis_mm)
    yield _in_mm3(codes.SOLID_VOLUME, solid.volume_mm3)


def _location(location: NoduleLocation) -> Iterator[Measurement]:
    if location.lobe is not None:
        yield _in_percent(codes.LOBE_CERTAINTY, location.lobe_confidence)
    if location.pleura_mm is not None:
        yield _in_mm(codes.PLEURA_DISTANCE, location.pleura_mm)
    if location.fissure_mm is not None:
        yield _in_mm(codes.FISSURE_DISTANCE, location.fissure_mm)


def _signs(attributes: NoduleAttributes) -> Iterator[tuple[Sign, float]]:
    """The signs that were assessed, with their probabilities."""
    for sign in Sign:
        probability: float | None = getattr(attributes, sign.value)
        if probability is not None:
            yield sign, probability


def _ratings(ratings: ReaderRatings) -> Iterator[Measurement]:
    """The network's predictions, each with the method that says so."""
    yield _in_percent(codes.SUSPICION, ratings.suspicion, codes.PREDICTED_RATING)
    for field, name in codes.RATINGS.items():
        value = round(float(getattr(ratings, field)), 2)
        yield Measurement(name, value, codes.SCORE, method=codes.PREDICTED_RATING)
    yield _in_percent(codes.CALCIFIED_RATING, ratings.calcified, codes.PREDICTED_RATING)


def _risks(risks: Mapping[str, MalignancyRisk]) -> Iterator[Measurement]:
    """The probability of cancer by each model all of whose inputs are known.

    What is left open by unknown inputs is no statistic of a probability: it stands in the page and in findings.json.
    """
    for field, method in codes.RISK_MODEL.items():
        risk = risks.get(field)
        if risk is not None and risk.value is not None:
            yield _in_percent(codes.PROBABILITY_OF_CANCER, risk.value, method)
