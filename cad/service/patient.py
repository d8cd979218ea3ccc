"""What is known about a patient beyond the images, from the JSON file of `--patient`.

Every factor is optional and unknown unless given. They are validated and recorded; no rule of this version uses them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from cad.errors import Fact, Reason, Refusal

SEXES = ("female", "male")
MAX_AGE_YEARS = 130.0
MAX_PACK_YEARS = 500.0


@dataclass(frozen=True, slots=True, repr=False)
class PatientFactors:
    """Risk factors of the malignancy models and guidelines; None means unknown, never absent.

    The factors are those of Brock (McWilliams 2013), Mayo (Swensen 1997) and the exclusions of Fleischner 2017.
    """

    age_years: float | None = None
    sex: str | None = None
    family_history_lung_cancer: bool | None = None
    emphysema: bool | None = None
    ever_smoker: bool | None = None
    pack_years: float | None = None
    years_since_quitting: float | None = None
    extrathoracic_cancer: bool | None = None
    known_cancer: bool | None = None
    immunosuppressed: bool | None = None
    screening: bool | None = None

    def known(self) -> dict[str, str | float | bool]:
        """The factors that are known, by name."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}


NUMBERS = {"age_years": MAX_AGE_YEARS, "pack_years": MAX_PACK_YEARS, "years_since_quitting": MAX_AGE_YEARS}
NAMES = frozenset(field.name for field in fields(PatientFactors))


def parse_patient(text: bytes) -> PatientFactors:
    """The factors in a JSON object. Null is the same as leaving a factor out.

    Raises Refusal(INVALID_PATIENT_FACTORS) with the name of the offending factor, never its value.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("the patient file is not JSON") from None
    if not isinstance(document, dict):
        raise _invalid("the patient file must hold one JSON object")
    unknown = sorted(set(document) - NAMES)
    if unknown:
        raise _invalid(f"there is no factor {unknown[0]!r}; known are {', '.join(sorted(NAMES))}", factors=len(unknown))
    given = {name: value for name, value in document.items() if value is not None}
    for name, value in given.items():
        _check(name, value)
    return PatientFactors(**given)


def _check(name: str, value: object) -> None:
    if name in NUMBERS:
        if not _is_number(value, NUMBERS[name]):
            raise _invalid(f"{name} must be a number in 0..{NUMBERS[name]:g}", factor=name)
    elif name == "sex":
        if value not in SEXES:
            raise _invalid("sex must be 'female' or 'male'", factor=name)
    elif not isinstance(value, bool):
        raise _invalid(f"{name} must be true or false", factor=name)


def _is_number(value: object, most: float) -> bool:
    """Whether a JSON value is a number in 0..most; booleans, NaN and infinity are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def _invalid(text: str, **facts: Fact) -> Refusal:
    return Refusal(Reason.INVALID_PATIENT_FACTORS, text, **facts)
