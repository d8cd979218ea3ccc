"""`lungcad evaluate-crops` on volumes in true HU: real nodules on three grids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cad.commands.main import main


def balls(path: Path, diameters_mm: list[float], drop: str | None = None) -> None:
    """An archive of balls of 30 HU in noisy lung, drawn on a grid of 1.25 x 0.7 x 0.7 mm."""
    rng = np.random.default_rng(4)
    spacing = (1.25, 0.7, 0.7)
    shape = (24, 56, 56)
    hus, masks = [], []
    for diameter in diameters_mm:
        axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
        away = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2)
        filled = np.clip((diameter / 2 - away) / 0.9 + 0.5, 0, 1)
        hus.append(np.rint(-860 + 890 * filled + rng.normal(0, 15, shape)).astype(np.int16))
        masks.append(away <= diameter / 2)
    bits = [np.packbits(mask.ravel()) for mask in masks]
    count = len(diameters_mm)
    arrays = {
        "hu": np.concatenate([hu.ravel() for hu in hus]),
        "mask_bits": np.concatenate(bits),
        "start": np.cumsum([0, *(hu.size for hu in hus)]),
        "shape": np.array([shape] * count, dtype=np.int16),
        "mask_start": np.cumsum([0, *(len(part) for part in bits)]),
        "nodules": np.array([[9000 + n, n, *spacing, d, 4] for n, d in enumerate(diameters_mm)], dtype=np.float32),
        "nodule_columns": np.array(
            ["patient", "nodule", "spacing_k_mm", "spacing_row_mm", "spacing_column_mm", "diameter_mm", "readers"]
        ),
        "ratings": np.full((count, 1), 5, dtype=np.int8),
        "rating_columns": np.array(["texture"]),
    }
    np.savez(path, **{name: array for name, array in arrays.items() if name != drop})  # type: ignore[arg-type]


@pytest.mark.slow
def test_balls_have_their_volume_on_every_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    balls(tmp_path / "balls.npz", [8.0, 10.0, 14.0])
    out = tmp_path / "figures.json"
    assert main(["evaluate-crops", str(tmp_path / "balls.npz"), "--out", str(out)]) == 0
    found = json.loads(out.read_text())["volumes"]
    for grid in ("own", "twice as fine", "half as fine"):
        assert found["all"][grid]["nodules"] == 3
        assert found["all"][grid]["median_ratio"] == pytest.approx(1.0, abs=0.08)
    assert found["all"]["variation, own, twice as fine, half as fine"]["median"] < 0.06
    assert found["all"]["drawn_within_3_percent"] == 1
    assert "3 nodules: median volume ratio" in capsys.readouterr().out


@pytest.mark.parametrize("drop", ["shape", "mask_start"])
def test_an_archive_without_an_array_is_refused(tmp_path: Path, drop: str) -> None:
    balls(tmp_path / "balls.npz", [8.0], drop=drop)
    assert main(["evaluate-crops", str(tmp_path / "balls.npz"), "--out", str(tmp_path / "figures.json")]) == 3
    assert not (tmp_path / "figures.json").exists()


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    balls(tmp_path / "balls.npz", [8.0])
    with np.load(tmp_path / "balls.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["hu"] = arrays["hu"][:-5]
    np.savez(tmp_path / "short.npz", **arrays)
    assert main(["evaluate-crops", str(tmp_path / "short.npz"), "--out", str(tmp_path / "figures.json")]) == 3
