"""Nodules → Grayscale Softcopy Presentation State: axes, contour and label of each nodule on the source images.

For viewers that draw presentation states but no report graphics (Weasis).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from highdicom import ModalityLUTTransformation, RescaleTypeValues
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from pydicom.dataset import Dataset

from cad.domain import AxialAxis, ModelIdentity, Nodule, PointLps
from cad.report.pictures.windows import LUNG_WINDOW_HU
from cad.report.words.languages import words_of
from cad.report.words.numbers import axes_mm, volume_mm3
from cad.report.words.pictures import PictureWords
from dicom_io.write.identity import (
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.write.outlines import contours_of
from dicom_io.write.source_images import SourceFrame, SourceImages, distinct_images

LABEL_OFFSET_PIXELS = 6.0
"""Distance of the label from the nodule, so that it hides nothing of it."""


LABEL_LINE_PIXELS = 14.0
"""Distance of the lines of a label; most viewers draw letters of 12 pixels."""

ASCII = str.maketrans({"–": "-", "×": "x"})


def presentation_state(
    models: tuple[ModelIdentity, ...], nodules: Sequence[Nodule], source: SourceImages, context: EncodingContext
) -> Dataset | None:
    """The annotations of at least one nodule on its key slices.

    None when the key slices have different rescale values: a presentation state holds only one (PS3.3 C.11.15.1).
    """
    frames = source.frames([nodule.diameters.slice_k for nodule in nodules])
    rescales = {frame.rescale for frame in frames}
    if len(rescales) != 1:
        return None
    slope, intercept = rescales.pop()
    words = words_of(context.form.language).pictures
    layer = GraphicLayer("LUNG_NODULES", order=1, description="Lung nodules")
    identity = object_identity(ObjectKind.PRESENTATION, source.header, context)
    dataset = GrayscaleSoftcopyPresentationState(
        referenced_images=distinct_images(frames),
        **series_and_equipment(identity, context),
        content_label="LUNG_NODULES",
        content_description="Axes, contours, labels of nodules; research use, unverified",
        graphic_layers=[layer],
        graphic_annotations=[
            _annotation(nodule, frame, layer, source, words) for nodule, frame in zip(nodules, frames, strict=True)
        ],
        modality_lut_transformation=ModalityLUTTransformation(intercept, slope, RescaleTypeValues.HU),
        voi_lut_transformations=[SoftcopyVOILUTTransformation(*LUNG_WINDOW_HU)],
        contributing_equipment=contributing_equipment(models, context),
    )
    stamp(dataset, context)
    return dataset


def _annotation(
    nodule: Nodule, frame: SourceFrame, layer: GraphicLayer, source: SourceImages, words: PictureWords
) -> GraphicAnnotation:
    diameters = nodule.diameters
    lines = [_line(nodule, axis, source) for axis in (diameters.long_axis, diameters.short_axis)]
    contours = [_contour(nodule, line, source) for line in contours_of(nodule.mask, diameters.slice_k)]
    return GraphicAnnotation(
        referenced_images=[frame.image],
        referenced_frame_number=frame.frame_number,
        graphic_layer=layer,
        graphic_objects=[*lines, *contours],
        text_objects=_labels(nodule, lines[0].graphic_data, frame, words),
    )


def _contour(nodule: Nodule, line: Sequence[PointLps], source: SourceImages) -> GraphicObject:
    return GraphicObject(
        GraphicTypeValues.POLYLINE,
        source.to_pixels(line, nodule.diameters.slice_k).astype(np.float32),
        AnnotationUnitsValues.PIXEL,
        tracking_id=nodule.label,
        tracking_uid=nodule.tracking_uid,
    )


def _line(nodule: Nodule, axis: AxialAxis, source: SourceImages) -> GraphicObject:
    return GraphicObject(
        GraphicTypeValues.POLYLINE,
        source.to_pixels([axis.start, axis.end], nodule.diameters.slice_k).astype(np.float32),
        AnnotationUnitsValues.PIXEL,
        tracking_id=nodule.label,
        tracking_uid=nodule.tracking_uid,
    )


def _labels(
    nodule: Nodule, long_axis_pixels: npt.NDArray[np.floating[Any]], frame: SourceFrame, words: PictureWords
) -> list[TextObject]:
    """The label beside the nodule, and its measures a line below."""
    column = min(float(long_axis_pixels[:, 0].max()) + LABEL_OFFSET_PIXELS, float(frame.image.Columns))
    row = float(long_axis_pixels[:, 1].min())
    texts = (words.beside(nodule), measures_text(nodule))
    return [
        TextObject(
            text,
            AnnotationUnitsValues.PIXEL,
            anchor_point=(column, min(row + number * LABEL_LINE_PIXELS, float(frame.image.Rows))),
            anchor_point_visible=False,
            tracking_id=nodule.label,
            tracking_uid=nodule.tracking_uid,
        )
        for number, text in enumerate(texts)
    ]


def measures_text(nodule: Nodule) -> str:
    """Axes and volume in letters that every viewer's font has."""
    interval = None if nodule.measures is None else nodule.measures.volume_interval_mm3
    return f"{axes_mm(nodule.diameters)} mm, {volume_mm3(nodule.volume_mm3, interval)} mm3".translate(ASCII)
