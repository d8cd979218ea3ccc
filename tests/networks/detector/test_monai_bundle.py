"""The MONAI bundle's detector against MONAI's own transforms and detector, with seeded random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.apps.detection.transforms.dictionary import AffineBoxToWorldCoordinated, ClipBoxToImaged, ConvertBoxModed
from monai.data.meta_tensor import MetaTensor
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import ScaleIntensityRanged
from monai.transforms.spatial.dictionary import Orientationd, Spacingd
from monai.transforms.utility.dictionary import EnsureTyped

from cad.domain import Grid, LungMask, Volume
from cad.errors import Unavailable
from cad.geometry import position_of
from models.detector.monai_bundle import load_monai_bundle, preprocess, read_bundle_config, world_boxes
from models.detector.monai_retinanet import lung_nodule_retinanet

CPU = torch.device("cpu")

CONFIG: dict[str, Any] = {
    "infer_patch_size": [32, 32, 16],
    "anchor_generator": {
        "feature_map_scales": [1, 2, 4],
        "base_anchor_shapes": [[6, 8, 4], [8, 6, 5], [10, 10, 6]],
    },
    "detector_ops": [
        "$@detector.set_target_keys(box_key='box', label_key='label')",
        "$@detector.set_box_selector_parameters(score_thresh=0.002,topk_candidates_per_level=1000,nms_thresh=0.22,"
        "detections_per_img=300)",
        "$@detector.set_sliding_window_inferer(roi_size=@infer_patch_size,overlap=0.25,sw_batch_size=1,"
        "mode='constant',device='cpu')",
    ],
    "preprocessing": {
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "LoadImaged", "keys": "image", "reader": "itkreader"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [0.703125, 0.703125, 1.25]},
            {"_target_": "ScaleIntensityRanged", "a_min": -1024.0, "a_max": 300.0, "b_min": 0.0, "b_max": 1.0},
        ]
    },
}
"""What is read of the published inference.json, with a smaller patch and a threshold that random weights reach."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "configs").mkdir()
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(CONFIG))
    (folder / "configs" / "metadata.json").write_text('{"version": "0.6.9"}')
    torch.save(lung_nodule_retinanet(seed=3).state_dict(), folder / "models" / "model.pt")
    return folder


def _tilted_volume() -> Volume:
    """An oblique, anisotropic volume (k, j, i) in LPS."""
    angle = 0.2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, 0, 0.8], [0, 0.8, 0], [2.0, 0, 0]])
    affine[:3, 3] = (-20.0, 35.0, -100.0)
    hu = np.random.default_rng(1).normal(-700, 250, (12, 30, 34)).round().astype(np.int16)
    return Volume(hu, Grid((12, 30, 34), affine), "1.2.3")


def _reference_image(volume: Volume) -> MetaTensor:
    """As the bundle's own preprocessing makes it, from an array (x, y, z) whose affine is built from positions."""
    corners = np.array([position_of(volume.grid, at).as_array() for at in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))])
    affine = np.eye(4)
    affine[:3, :3] = (corners[1:] - corners[0]).T
    affine[:3, 3] = corners[0]
    affine[:2] *= -1
    image = MetaTensor(
        torch.from_numpy(volume.hu.astype(np.float32)).permute(2, 1, 0)[None], affine=torch.from_numpy(affine)
    )
    steps = [
        Orientationd(keys="image", axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
        Spacingd(keys="image", pixdim=[0.703125, 0.703125, 1.25]),
        ScaleIntensityRanged(keys="image", a_min=-1024.0, a_max=300.0, b_min=0.0, b_max=1.0, clip=True),
        EnsureTyped(keys="image"),
    ]
    prepared: MetaTensor = Compose(steps)({"image": image})["image"]
    return prepared


def test_preprocessing_is_the_bundles(bundle: Path) -> None:
    volume = _tilted_volume()
    ours, theirs = preprocess(volume, read_bundle_config(bundle)), _reference_image(volume)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours.as_tensor(), theirs.as_tensor(), atol=1e-5)
    assert torch.allclose(ours.affine, theirs.affine, atol=1e-9)
    assert np.linalg.norm(np.asarray(ours.affine)[:3, :3], axis=0) == pytest.approx([0.703125, 0.703125, 1.25])


def test_marks_are_those_of_monais_own_detector_and_postprocessing(bundle: Path) -> None:
    volume = _tilted_volume()
    ours = load_monai_bundle(bundle, CPU)
    marks = ours(volume, LungMask(np.ones(volume.grid.shape, np.uint8), volume.grid), 0.0)
    image = _reference_image(volume)
    with torch.inference_mode():
        found = ours.detector([image.as_tensor()], use_inferer=True)[0]
    steps = [
        ClipBoxToImaged("box", "label", "image", remove_empty=True),
        AffineBoxToWorldCoordinated("box", "image", affine_lps_to_ras=True),
        ConvertBoxModed("box", "xyzxyz", "cccwhd"),
    ]
    boxes = Compose(steps)({"image": image, "box": found["box"], "label": found["label"]})["box"].numpy()
    assert len(marks) == len(boxes) > 5
    sizes = np.prod(boxes[:, 3:], axis=1) ** (1 / 3)
    expected = np.column_stack([boxes[:, :3], sizes, found["label_scores"]])
    given = np.array([[m.centre.x, m.centre.y, m.centre.z, m.diameter_mm, m.score] for m in marks])
    assert np.array_equal(given[:, 4], np.sort(given[:, 4])[::-1])
    assert given[np.lexsort(given.T.round(2))] == pytest.approx(expected[np.lexsort(expected.T.round(2))], abs=2e-3)
    assert ours.identity.version == "0.6.9"


def test_a_box_about_a_voxel_lies_at_that_voxel_in_the_patient(bundle: Path) -> None:
    volume = _tilted_volume()
    image = preprocess(volume, read_bundle_config(bundle))
    expected = position_of(volume.grid, (7.0, 11.0, 20.0))
    ras = np.array([-expected.x, -expected.y, expected.z, 1.0])
    index = torch.from_numpy((np.linalg.inv(np.asarray(image.affine)) @ ras)[:3]).float()
    box = torch.cat([index - 2, index + 2])[None]
    ((placed, score),) = world_boxes(image, box, torch.tensor([0]), torch.tensor([0.7]))
    assert placed[:3] == pytest.approx([expected.x, expected.y, expected.z], abs=1e-3)
    assert score == pytest.approx(0.7)
    assert world_boxes(image, torch.zeros(0, 6), torch.zeros(0), torch.zeros(0)) == []


@pytest.mark.parametrize("missing", ["configs/inference.json", "configs/metadata.json", "models/model.pt"])
def test_an_incomplete_bundle_is_named(bundle: Path, tmp_path: Path, missing: str) -> None:
    for name in ("configs/inference.json", "configs/metadata.json", "models/model.pt"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if name != missing:
            target.symlink_to(bundle / name)
    with pytest.raises(Unavailable, match=Path(missing).name):
        load_monai_bundle(tmp_path, CPU)


def test_another_configuration_or_other_weights_are_not_run(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "configs" / "inference.json").write_text('{"infer_patch_size": [1, 2]}')
    with pytest.raises(Unavailable, match="is not the one of"):
        read_bundle_config(tmp_path)
    (tmp_path / "configs" / "inference.json").write_text(json.dumps(CONFIG))
    torch.save({"other": torch.zeros(1)}, tmp_path / "models" / "model.pt")
    with pytest.raises(Unavailable, match="does not fit"):
        load_monai_bundle(tmp_path, CPU)
