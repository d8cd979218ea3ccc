"""Every malformed input is refused with its own reason, and nothing of the patient is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.reading import load_series
from tests.made.malformed import MALFORMED_INPUTS, MalformedInput


@pytest.mark.parametrize("malformed", MALFORMED_INPUTS, ids=lambda m: m.name)
def test_a_malformed_input_is_refused_with_its_reason(
    malformed: MalformedInput, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = malformed.write(tmp_path / "input")
    with pytest.raises(Refusal) as refusal:
        load_series([source], SeriesPolicy())
    assert refusal.value.reason is malformed.reason, refusal.value.text
    said = f"{refusal.value.text} {refusal.value.facts} {''.join(capsys.readouterr())}".casefold()
    assert not any(word in said for word in ("phantom", "other^", "acc-1", "1960", str(tmp_path).casefold()))


def test_there_are_at_least_sixty_malformed_inputs_with_different_names() -> None:
    assert len({m.name for m in MALFORMED_INPUTS}) == len(MALFORMED_INPUTS) >= 60
