"""`lungcad evaluate-crops`: the figures of the shipped networks on made-up and on real crops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cad.commands.main import main
from models.nodules.cards import read_outline_card
from models.nodules.folds import honest_member
from tests.made.crops import write_archive
from tests.places import SHARED_DATA

CROPS = SHARED_DATA / "lidc_crops.npz"


def test_balls_of_strangers_are_read_by_all_members(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_archive(tmp_path / "balls.npz", [f"P{n}" for n in range(8)], [1, 5] * 4)
    out = tmp_path / "figures.json"
    assert main(["evaluate-crops", str(tmp_path / "balls.npz"), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["nodules"] == 8
    assert found["read_by"]["all_members"] == 8
    assert found["dice"]["mean"] > 0.7
    assert found["reader_dice"]["mean"] == 1.0
    assert 0 <= found["malignancy"]["auc"] <= 1
    assert set(found["attributes"]) >= {"spiculation", "texture", "margin"}
    assert "8 nodules" in capsys.readouterr().out


def test_patients_whom_every_member_may_have_seen_are_left_out(tmp_path: Path) -> None:
    known = sorted(read_outline_card().patients)
    seen = next(p for p in known if honest_member(p) is None)
    left_out = next(p for p in known if honest_member(p) == 1)
    write_archive(tmp_path / "balls.npz", [seen, left_out, "stranger"], [1, 5, 5])
    out = tmp_path / "figures.json"
    assert main(["evaluate-crops", str(tmp_path / "balls.npz"), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["nodules"] == 2
    assert found["read_by"] == {
        "all_members": 1,
        "the_member_that_never_saw_the_patient": 1,
        "left_out_as_learnt_from": 1,
    }


def test_what_is_no_archive_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "no.npz").write_bytes(b"not an archive")
    assert main(["evaluate-crops", str(tmp_path / "no.npz"), "--out", str(tmp_path / "figures.json")]) == 3
    assert not (tmp_path / "figures.json").exists()


@pytest.mark.real_data
@pytest.mark.slow
def test_left_out_patients_of_the_lidc_are_outlined_and_rated_as_the_cards_say(tmp_path: Path) -> None:
    if not CROPS.is_file():
        pytest.skip("the shared real CT data are not beside the checkout")
    with np.load(CROPS) as archive:
        arrays = {name: archive[name] for name in archive.files}
    chosen = [
        n for n, r in enumerate(arrays["nodules"]) if r["readers"] >= 3 and honest_member(r["patient"]) is not None
    ]
    rows = [np.arange(arrays["start"][n], arrays["start"][n + 1]) for n in chosen[:80]]
    part = {name: arrays[name][np.concatenate(rows)] for name in ("image", "votes")}
    part |= {name: arrays[name][chosen[:80]] for name in ("nodules", "ratings")}
    part["start"] = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    np.savez(tmp_path / "part.npz", rating_columns=arrays["rating_columns"], **part)
    out = tmp_path / "figures.json"
    assert main(["evaluate-crops", str(tmp_path / "part.npz"), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["read_by"]["the_member_that_never_saw_the_patient"] == found["nodules"] == 80
    assert found["dice"]["mean"] > 0.77
    assert found["dice"]["mean"] > found["reader_dice"]["mean"] - 0.03
    assert found["malignancy"]["auc"] > 0.9
    assert found["attributes"]["spiculation"] > 0.4
