"""Nodules → Key Object Selection: the slices that show them, by reference, for viewers that list key images.

The key images of `key_images` are pictures of their own; this names the source images, and those pictures beside them.
Source: PS3.3 A.35.4, PS3.16 TID 2010, IHE Radiology AI Results (AIR).
"""

from __future__ import annotations

from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dicom_codes

from cad.domain import ModelIdentity, Nodule
from cad.report.words.languages import words_of
from dicom_io.write.identity import (
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.write.source_images import SourceImages, distinct_images
from dicom_io.write.sr.report import device_observer


def key_objects(
    models: tuple[ModelIdentity, ...],
    nodules: Sequence[Nodule],
    pictures: Sequence[Dataset],
    source: SourceImages,
    context: EncodingContext,
) -> Dataset:
    """The selection of at least one nodule's slices, in the order of the nodules, and of the pictures of them."""
    images = [*distinct_images(source.frames([nodule.diameters.slice_k for nodule in nodules])), *pictures]
    identity = object_identity(ObjectKind.KEY_OBJECTS, source.header, context)
    content = KeyObjectSelection(
        document_title=dicom_codes.DCM.OfInterest,
        referenced_objects=images,
        observer_device_context=device_observer(context),
        description=words_of(context.form.language).pictures.LABELS.research_use,
    )
    document = KeyObjectSelectionDocument(
        evidence=images,
        content=content,
        **series_and_equipment(identity, context),
        contributing_equipment=contributing_equipment(models, context),
    )
    document.copy_patient_and_study_information(source.images[0])
    stamp(document, context)
    return document
