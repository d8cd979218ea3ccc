"""What is known about a patient beyond the images: the JSON of `--patient` and of the API.

One JSON object: the factors of `PatientFactors` by name, and `observations`, what a reader says of the examination
(`ExamObservations`). Everything is optional and unknown unless given.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, replace
from types import NoneType
from typing import Any, get_args, get_type_hints

from cad.domain import Caution, ClinicalContext, ExamObservations, PatientFactors
from cad.errors import Fact, Reason, Refusal

OBSERVATIONS = "observations"
MAX_AGE_YEARS = 130.0
MAX_PACK_YEARS = 500.0
MAX_INTERVAL_DAYS = 50_000.0
MAX_NAME_LENGTH = 64
"""A nodule's label or a UID (PS3.5 6.2: at most 64 characters)."""

NUMBERS = {
    "age_years": MAX_AGE_YEARS,
    "pack_years": MAX_PACK_YEARS,
    "years_since_quitting": MAX_AGE_YEARS,
    "interval_days": MAX_INTERVAL_DAYS,
}
"""The numbers, each with the most that can be meant."""

AGE_TOLERANCE_YEARS = 1.0
"""Ages may be given by the birthday or by the year."""


def parse_patient(text: bytes) -> ClinicalContext:
    """What a JSON object says of a patient. Null is the same as leaving something out.

    Raises Refusal(INVALID_PATIENT_FACTORS) with the name of the offending factor, never its value.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("the patient file is not JSON") from None
    return clinical_context(document)


def clinical_context(document: object) -> ClinicalContext:
    """The same of JSON that has been read. Raises Refusal(INVALID_PATIENT_FACTORS)."""
    if not isinstance(document, dict):
        raise _invalid("the patient file must hold one JSON object")
    factors = {name: value for name, value in document.items() if name != OBSERVATIONS}
    observed = document.get(OBSERVATIONS)
    observations = ExamObservations() if observed is None else _record(ExamObservations, observed, OBSERVATIONS)
    named = [observation.nodule for observation in observations.nodules]
    if len(set(named)) < len(named):
        raise _invalid(f"{OBSERVATIONS}.nodules names a nodule twice", factor=f"{OBSERVATIONS}.nodules")
    return ClinicalContext(_record(PatientFactors, factors, "", (OBSERVATIONS,)), observations)


def with_header(context: ClinicalContext, header: PatientFactors) -> tuple[ClinicalContext, tuple[Caution, ...]]:
    """The context completed by age and sex of the DICOM header, with a caution where the two disagree.

    What was given wins: whoever gave it looked at this patient.
    """
    given = context.factors
    differ = [
        name
        for name, is_other in (
            ("age", _differs(given.age_years, header.age_years)),
            ("sex", None not in (given.sex, header.sex) and given.sex is not header.sex),
        )
        if is_other
    ]
    completed = replace(
        given,
        age_years=header.age_years if given.age_years is None else given.age_years,
        sex=header.sex if given.sex is None else given.sex,
    )
    text = f"The patient's {' and '.join(differ)} in the DICOM header and as given differ; what was given is used."
    cautions = (Caution("patient-factors-differ", text),) if differ else ()
    return replace(context, factors=completed), cautions


def _differs(given: float | None, header: float | None) -> bool:
    return given is not None and header is not None and abs(given - header) > AGE_TOLERANCE_YEARS


# -- JSON → records --------------------------------------------------------------------------------------------


def _record(kind: type[Any], document: object, where: str, more: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """A frozen record from a JSON object, by the types of its fields. `more` are keys that the caller reads."""
    if not isinstance(document, dict):
        raise _invalid(f"{where} must be a JSON object", factor=where)
    names = {field.name for field in fields(kind)}
    unknown = sorted(set(document) - names)
    if unknown:
        path, known = _path(where, unknown[0]), ", ".join(sorted({*names, *more}))
        raise _invalid(f"there is no factor {path!r}; known are {known}", factors=len(unknown))
    hints = get_type_hints(kind)
    given = {n: _value(hints[n], v, _path(where, n)) for n, v in document.items() if v is not None}
    if missing := [name for name in _required(kind) if name not in given]:
        raise _invalid(f"{_path(where, missing[0])} must be given", factor=_path(where, missing[0]))
    return kind(**given)


def _value(hint: Any, value: object, path: str) -> object:  # noqa: ANN401 - whatever a type hint is
    """A JSON value as what a field's type asks for."""
    kind = next((part for part in get_args(hint) if part is not NoneType), hint)
    if kind is bool:
        return _checked(isinstance(value, bool), value, f"{path} must be true or false", path)
    if kind is float:
        most = NUMBERS[path.rpartition(".")[2]]
        return _checked(_is_number(value, most), value, f"{path} must be a number in 0..{most:g}", path)
    if kind is str:
        is_name = isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH
        return _checked(is_name, value, f"{path} must be text of at most {MAX_NAME_LENGTH} characters", path)
    if issubclass(kind, enum.Enum):
        return _member(kind, value, path)
    if not isinstance(value, list):
        raise _invalid(f"{path} must be a list", factor=path)
    return tuple(_record(kind, item, f"{path}[{number}]") for number, item in enumerate(value))


def _member(kind: type[enum.Enum], value: object, path: str) -> enum.Enum:
    words = {member.value: member for member in kind}
    if not isinstance(value, str) or value not in words:
        raise _invalid(f"{path} must be one of {', '.join(repr(word) for word in words)}", factor=path)
    return words[value]


def _checked(is_right: bool, value: object, text: str, path: str) -> object:
    if not is_right:
        raise _invalid(text, factor=path)
    return value


def _required(kind: type[Any]) -> Iterator[str]:
    def has_default(field: Field[Any]) -> bool:
        return field.default is not MISSING or field.default_factory is not MISSING

    return (field.name for field in fields(kind) if not has_default(field))


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is_number(value: object, most: float) -> bool:
    """Whether a JSON value is a number in 0..most; booleans, NaN and infinity are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def _invalid(text: str, **facts: Fact) -> Refusal:
    return Refusal(Reason.INVALID_PATIENT_FACTORS, text, **facts)
