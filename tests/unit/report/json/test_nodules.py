"""The nodules of findings.json: every value in its place, and a reason for every null."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import jsonschema
import pytest

from cad.domain import (
    ClinicalContext,
    Composition,
    Lobe,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NotAssessed,
    NotAssessedReason,
)
from cad.exam.assessment import assess
from cad.policy import Policy, WordingPolicy
from cad.report.json.nodules import Missing, missing_parts, nodule_documents
from cad.report.statements.nodules import state_nodule
from tests.made.nodules import EVERY_SIGN, LOCATION, MEASURES, RATINGS, SOLID, a_nodule
from tests.places import FINDINGS_SCHEMA

SCHEMA = json.loads((FINDINGS_SCHEMA).read_text(encoding="utf-8"))


def assessed(*nodules: Nodule) -> tuple[list[dict[str, Any]], list[Missing]]:
    assessment = assess(nodules, ClinicalContext(), Policy())
    stated = [state_nodule(n, risks, WordingPolicy()) for n, risks in zip(nodules, assessment.risks, strict=True)]
    return nodule_documents(stated), missing_parts(stated, None)


def full_nodule() -> Nodule:
    return dataclasses.replace(
        a_nodule(),
        measures=dataclasses.replace(MEASURES, solid=SOLID),
        location=dataclasses.replace(LOCATION, fissure_mm=2.0),
        attributes=EVERY_SIGN,
        ratings=RATINGS,
    )


def nulls(value: object, path: str = "") -> Iterator[str]:
    if value is None:
        yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from nulls(part, f"{path}.{name}" if path else name)


def assert_fits_schema(nodule: dict[str, Any]) -> None:
    schema = {"$ref": "#/$defs/nodule", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(nodule)


def test_a_full_nodule_has_every_value_of_the_contract() -> None:
    (nodule,), _ = assessed(full_nodule())
    assert_fits_schema(nodule)
    assert nodule["volume_interval_mm3"] == [780.0, 1010.0]
    assert nodule["solid_diameters_mm"] == {"long": 6.0, "short": 5.0, "mean": 5.5}
    assert (nodule["solid_volume_mm3"], nodule["max_3d_diameter_mm"]) == (96.0, 15.1)
    assert (nodule["surface_mm2"], nodule["sphericity"]) == (480.2, 0.87)
    assert (nodule["lobe"], nodule["lobe_confidence"]) == ("RUL", 0.95)
    assert (nodule["pleura_distance_mm"], nodule["fissure_distance_mm"]) == (4.2, 2.0)
    assert (nodule["spiculation"], nodule["perifissural"]) == (0.9, 0.9)
    assert nodule["attributes"] == {
        "lobulation": 0.8,
        "ill_defined_margin": 0.7,
        "cavitation": 0.6,
        "calcification": 0.9,
        "calcification_pattern": "popcorn",
        "fat": 0.6,
    }
    assert nodule["ratings"]["texture"] == 5.0
    assert nodule["ratings"]["model"] == {"name": "reader", "version": "1", "sha256": "cd" * 32}


def test_the_number_of_the_network_says_what_it_is_not() -> None:
    (nodule,), _ = assessed(full_nodule())
    assert nodule["malignancy"]["cnn"] == nodule["ratings"]["suspicion"] == 0.724
    assert nodule["malignancy"]["cnn_meaning"].endswith("it is not the probability of cancer")


PARTS = (
    (None, MEASURES, dataclasses.replace(MEASURES, solid=SOLID)),
    (None, LOCATION, NoduleLocation(None, 0.0, None, 1.0), NoduleLocation(Lobe.LINGULA, 0.9, 0.0, 0.0)),
    (None, NoduleAttributes(), EVERY_SIGN, NoduleAttributes(calcification=0.0)),
    (None, RATINGS),
)


@pytest.mark.parametrize("composition", [Composition.SOLID, Composition.PART_SOLID, Composition.FAT])
def test_every_null_has_a_reason_and_every_reason_a_null(composition: Composition) -> None:
    for measures, location, attributes, ratings in product(*PARTS):
        nodule = dataclasses.replace(
            a_nodule(composition), measures=measures, location=location, attributes=attributes, ratings=ratings
        )
        if composition is not Composition.PART_SOLID and measures is not None:
            nodule = dataclasses.replace(nodule, measures=MEASURES)
        (document,), missing = assessed(nodule)
        assert_fits_schema(document)
        found = {path for path in nulls(document) if not path.endswith((".value", ".band", ".cnn_meaning"))}
        assert {path.removeprefix("nodules[].") for path, _ in missing} == found


def test_reasons_tell_what_did_not_run_from_what_cannot_be_told_and_what_has_no_meaning() -> None:
    unknown_lobe = NoduleLocation(None, 0.0, 3.0, None)
    _, missing = assessed(dataclasses.replace(a_nodule(Composition.SOLID), location=unknown_lobe))
    reasons = dict(missing)
    assert reasons["nodules[].spiculation"] is NotAssessedReason.NOT_AVAILABLE
    assert reasons["nodules[].lobe"] is NotAssessedReason.NOT_DETERMINED
    assert reasons["nodules[].solid_diameters_mm"] is NotAssessedReason.NOT_APPLICABLE
    assert reasons["nodules[].malignancy.herder"] is NotAssessedReason.PET_UNKNOWN
    assert "nodules[].pleura_distance_mm" not in reasons


def test_a_part_that_only_some_nodules_lack_is_named_with_their_number() -> None:
    second = dataclasses.replace(full_nodule(), location=None, tracking_uid="2.25.2", label="Nodule 2")
    _, missing = assessed(full_nodule(), second)
    paths = {path for path, _ in missing}
    assert "nodules[1].lobe" in paths
    assert not paths & {"nodules[].lobe", "nodules[0].lobe"}
    assert "nodules[].malignancy.herder" in paths


def test_without_nodules_nothing_of_them_is_missing() -> None:
    assert assessed() == ([], [])


def test_without_an_assessment_its_reason_is_given() -> None:
    reason = NotAssessed(NotAssessedReason.NOT_REQUESTED)
    stated = [state_nodule(full_nodule(), None, WordingPolicy())]
    assert nodule_documents(stated)[0]["malignancy"] is None
    assert ("nodules[].malignancy", NotAssessedReason.NOT_REQUESTED) in missing_parts(stated, reason)


def test_the_lingula_is_the_left_upper_lobe() -> None:
    nodule = dataclasses.replace(a_nodule(), location=NoduleLocation(Lobe.LINGULA, 0.9, None, None))
    (document,), _ = assessed(nodule)
    assert document["lobe"] == "LUL"
