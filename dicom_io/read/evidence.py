"""What the report objects copy from the source study. Holds patient data: it is never shown, logged or pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM, validate_value

from cad.domain import Caution
from cad.errors import Reason, Refusal
from dicom_io.read.damage import PARSE_ERRORS
from dicom_io.read.dates import text_of
from dicom_io.read.files import without_pixels
from dicom_io.read.patient_keywords import COPIED_KEYWORDS

_LONGEST_TEXT = 10_240
"""Characters of the longest kind of text (LT, PS3.5 6.2); names and identifiers are far shorter."""

PATIENT_SEXES = ("M", "F", "O")
"""Enumerated values of PatientSex (PS3.3 C.7.1.1)."""

_PARSERS: Mapping[str, Callable[[str], object]] = {
    "DA": lambda text: DA(text, validation_mode=RAISE),
    "TM": lambda text: TM(text, validation_mode=RAISE),
}
"""The form of a date does not make it one: 30 February."""

_STRICT_VRS = ("AS", "CS", "DA", "DS", "TM")
"""Kinds of value with a form of their own (PS3.5 6.2); free text is kept as it is."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SourceTexts:
    """Texts, as bytes, that do not fit the character set that the source declares (None when it declares none)."""

    values: Mapping[str, bytes]
    character_set: DataElement | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Evidence:
    """The source objects of one series as far as report objects need them.

    `datasets` are the source objects without pixel data, in the order of the volume's k axis (feet to head), or the
    one enhanced multi-frame object. `patient_and_study` has the attributes of the patient and study modules with the
    source's SpecificCharacterSet. `warnings` say what had to be supplied or left out. `texts` are not decoded: the
    objects are written with the very bytes; in `datasets` those attributes are empty.
    """

    datasets: tuple[Dataset, ...]
    patient_and_study: Dataset
    frame_of_reference_uid: str
    warnings: tuple[Caution, ...]
    texts: SourceTexts | None = None

    def __repr__(self) -> str:
        return f"Evidence({len(self.datasets)} objects)"


def evidence_of(
    headers: tuple[Dataset, ...], warnings: tuple[Caution, ...], odd_texts: Mapping[str, bytes] = MappingProxyType({})
) -> Evidence:
    """What report objects copy from these source objects (without pixel data, in the order of the k axis).

    `odd_texts` are those whose bytes do not fit the declared character set: they are kept as bytes, with a caution.
    Raises Refusal when a text is longer than any that a person writes.

    Dates, times, ages and coded words of patient and study that no reader could parse are emptied, with a caution:
    a report that repeats them would be invalid itself.
    """
    _refuse_endless_texts(headers[0], odd_texts)
    texts = SourceTexts(odd_texts, _character_set(headers[0])) if odd_texts else None
    if texts:
        headers = tuple(_emptied(header, list(odd_texts)) for header in headers)
        text = (
            f"{', '.join(sorted(odd_texts))} are not in the character set that the images declare, or hold a "
            "backslash; results repeat the bytes as they are, or are without them where they cannot."
        )
        warnings = (*warnings, Caution("undeclared-character-set", text))
    unusable = sorted({keyword for header in headers for keyword in COPIED_KEYWORDS if not _is_usable(header, keyword)})
    datasets = tuple(_emptied(header, unusable) for header in headers) if unusable else headers
    if unusable:
        text = f"The source has unusable values that results do not repeat: {', '.join(unusable)}."
        warnings = (*warnings, Caution("unusable-attributes", text))
    first = datasets[0]
    modules = Dataset()
    for keyword in ("SpecificCharacterSet", *COPIED_KEYWORDS):
        if keyword in first:
            modules[keyword] = first[keyword]
    return Evidence(datasets, modules, str(first.FrameOfReferenceUID), warnings, texts)


def _character_set(header: Dataset) -> DataElement | None:
    return header["SpecificCharacterSet"] if header.get("SpecificCharacterSet") else None


def _refuse_endless_texts(header: Dataset, odd_texts: Mapping[str, bytes]) -> None:
    for keyword in COPIED_KEYWORDS:
        length = len(odd_texts.get(keyword, b"") or text_of(header, keyword) or "")
        if length > _LONGEST_TEXT:
            raise Refusal(
                Reason.CORRUPT_FILE,
                f"{keyword} holds {length} characters; no text of a patient or study is longer than {_LONGEST_TEXT}",
                attribute=keyword,
                characters=length,
            )


def _is_usable(header: Dataset, keyword: str) -> bool:
    """Whether a value can be read and, where its form is strict, has that form."""
    if keyword not in header:
        return True
    try:
        element = header[keyword]
        if element.VR in _STRICT_VRS and not element.is_empty:
            validate_value(element.VR, str(element.value), RAISE)
            _PARSERS.get(element.VR, str)(str(element.value))
        return keyword != "PatientSex" or element.is_empty or str(element.value) in PATIENT_SEXES
    except PARSE_ERRORS:
        return False


def _emptied(header: Dataset, keywords: list[str]) -> Dataset:
    emptied = without_pixels(header)
    for keyword in keywords:
        if keyword in emptied:
            emptied.add_new(keyword, dictionary_VR(keyword), None)
    return emptied
