"""The detector of MONAI's published `lung_nodule_ct_detection` bundle, run as the bundle runs it.

Users download the bundle themselves (Apache-2.0). Its configuration is read as data: of `configs/inference.json` only
known keys are looked at, and no expression in it is executed. Pre- and post-processing are MONAI's own transforms.
"""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cad.domain import Candidate, FloatArray, LungMask, ModelIdentity, PointLps, Volume
from cad.errors import Unavailable
from models.detector.monai_retinanet import lung_nodule_retinanet
from models.running.cards import sha256_of

BUNDLE = "lung_nodule_ct_detection"
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class BundleConfig:
    """What the bundle's `inference.json` says: spacing in mm and patch in voxels are (x, y, z) of the RAS image."""

    spacing_mm: tuple[float, float, float]
    low_hu: float
    high_hu: float
    anchor_shapes: tuple[tuple[float, ...], ...]
    feature_map_scales: tuple[int, ...]
    patch: tuple[int, int, int]
    score_threshold: float
    candidates_per_level: int
    nms_threshold: float
    detections: int
    overlap: float


def read_bundle_config(bundle: Path) -> BundleConfig:
    """The configuration in a bundle's folder. Raises Unavailable when a file or a key is absent or not as expected."""
    file = bundle / "configs" / "inference.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        steps = {step["_target_"]: step for step in raw["preprocessing"]["transforms"] if not _is_loader(step)}
        selector, inferer = _call(raw, "set_box_selector_parameters"), _call(raw, "set_sliding_window_inferer")
        x, y, z = (float(v) for v in steps["Spacingd"]["pixdim"])
        px, py, pz = (int(v) for v in raw["infer_patch_size"])
        return BundleConfig(
            spacing_mm=(x, y, z),
            low_hu=float(steps["ScaleIntensityRanged"]["a_min"]),
            high_hu=float(steps["ScaleIntensityRanged"]["a_max"]),
            anchor_shapes=tuple(tuple(float(v) for v in s) for s in raw["anchor_generator"]["base_anchor_shapes"]),
            feature_map_scales=tuple(int(v) for v in raw["anchor_generator"]["feature_map_scales"]),
            patch=(px, py, pz),
            score_threshold=selector["score_thresh"],
            candidates_per_level=int(selector["topk_candidates_per_level"]),
            nms_threshold=selector["nms_thresh"],
            detections=int(selector["detections_per_img"]),
            overlap=inferer["overlap"],
        )
    except FileNotFoundError as error:
        raise _unusable(f"{file.name} is missing in its configs folder") from error
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(f"configs/{file.name} is not the one of {BUNDLE}: {type(error).__name__} {error}") from error


def _is_loader(step: Mapping[str, Any]) -> bool:
    return bool(step["_target_"] == "LoadImaged")


def _call(raw: Mapping[str, Any], name: str) -> dict[str, float]:
    """The numeric arguments of one call in `detector_ops`, read from its text. Raises KeyError when there is none."""
    for text in raw["detector_ops"]:
        if f".{name}(" in text:
            return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+(?:e-?\d+)?)\s*[,)]", text)}
    raise KeyError(name)


def _unusable(text: str) -> Unavailable:
    return Unavailable("monai-bundle", f"the MONAI bundle cannot be used: {text}")


@dataclass(frozen=True, slots=True, eq=False)
class MonaiBundleDetector:
    """The bundle as a `Detector`. Its scores are the bundle's own and uncalibrated."""

    detector: Any
    config: BundleConfig
    identity: ModelIdentity
    device: torch.device

    @property
    def default_min_score(self) -> float:
        """The bundle's own score threshold, which is meant for FROC: raise it for reading."""
        return self.config.score_threshold

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        """Marks of the whole volume with a score of at least `min_score`, best first."""
        image = preprocess(volume, self.config)
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=self.device.type == "cuda"):
            found = detections(self.detector, image, self.config, self.device)
        boxes = world_boxes(
            image, found["box"].float().cpu(), found["label"].cpu(), found["label_scores"].float().cpu()
        )
        origin = f"{self.identity.name}-{self.identity.version}"
        marks = (
            Candidate(PointLps(float(x), float(y), float(z)), float((w * h * d) ** (1 / 3)), float(score), origin)
            for (x, y, z, w, h, d), score in boxes
        )
        return tuple(sorted((m for m in marks if m.score >= min_score), key=lambda m: -m.score))


def detections(
    detector: Any,  # noqa: ANN401 - MONAI's classes are not typed
    image: Any,  # noqa: ANN401
    config: BundleConfig,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """What MONAI's detector finds in a preprocessed image [1, i, j, k]: boxes [n, 6], labels [n] and scores [n].

    The image is read at once where the patch holds it, else in windows.
    """
    windows = math.prod(image.shape[1:]) > math.prod(config.patch)
    found: dict[str, torch.Tensor] = detector([image.as_tensor().to(device)], use_inferer=windows)[0]
    return found


def ras_image(volume: Volume) -> Any:  # noqa: ANN401 - MONAI's MetaTensor is not typed
    """The volume as MONAI's loader gives a CT: HU [1, i, j, k] with the affine from (i, j, k) to RAS millimetres."""
    from monai.data.meta_tensor import MetaTensor

    affine = LPS_TO_RAS @ volume.grid.affine[:, [2, 1, 0, 3]]
    hu = torch.from_numpy(np.ascontiguousarray(volume.hu.transpose(2, 1, 0)).astype(np.float32))
    return MetaTensor(hu[None], affine=torch.from_numpy(affine))


def preprocess(volume: Volume, config: BundleConfig) -> Any:  # noqa: ANN401 - MONAI's MetaTensor is not typed
    """The volume as the bundle's preprocessing gives it: RAS, the bundle's spacing, its HU window as 0..1."""
    from monai.transforms.compose import Compose
    from monai.transforms.intensity.array import ScaleIntensityRange
    from monai.transforms.spatial.array import Orientation, Spacing
    from monai.transforms.utility.array import EnsureType

    steps = [
        Orientation(axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
        Spacing(pixdim=config.spacing_mm),
        ScaleIntensityRange(config.low_hu, config.high_hu, 0.0, 1.0, clip=True),
        EnsureType(),
    ]
    return Compose(steps)(ras_image(volume))


def world_boxes(
    image: Any,  # noqa: ANN401 - MONAI's MetaTensor is not typed
    boxes: torch.Tensor,
    labels: torch.Tensor,
    scores: torch.Tensor,
) -> list[tuple[FloatArray, float]]:
    """Boxes in voxels of the image as the bundle's postprocessing gives them: (centre, size) in LPS mm, and score.

    Each box is [6]: x, y, z of the centre, then width, height and depth; boxes outside of the image are dropped.
    """
    from monai.apps.detection.transforms.dictionary import (
        AffineBoxToWorldCoordinated,
        ClipBoxToImaged,
        ConvertBoxModed,
    )
    from monai.transforms.compose import Compose

    if not len(boxes):
        return []
    steps = [
        ClipBoxToImaged(["box"], ["label", "label_scores"], "image", remove_empty=True),
        AffineBoxToWorldCoordinated(["box"], "image", affine_lps_to_ras=True),
        ConvertBoxModed(["box"], "xyzxyz", "cccwhd"),
    ]
    given = {"image": image, "box": boxes.numpy(), "label": labels.numpy(), "label_scores": scores.numpy()}
    placed = Compose(steps)(given)
    pairs = zip(placed["box"], placed["label_scores"], strict=True)
    return [(np.asarray(box, dtype=np.float64), float(score)) for box, score in pairs]


def load_monai_bundle(bundle: Path, device: torch.device) -> MonaiBundleDetector:
    """The bundle in a folder as downloaded. Raises Unavailable when something is absent or does not fit."""
    config = read_bundle_config(bundle)
    weights = bundle / "models" / "model.pt"
    network = lung_nodule_retinanet()
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise _unusable("models/model.pt is missing") from error
    except (RuntimeError, pickle.UnpicklingError, AttributeError) as error:
        raise _unusable(f"models/model.pt does not fit the network: {str(error).splitlines()[0]}") from error
    identity = ModelIdentity(f"monai-{BUNDLE}", _version(bundle), sha256_of(weights))
    return MonaiBundleDetector(retinanet_detector(network.to(device), config), config, identity, device)


def _version(bundle: Path) -> str:
    try:
        return str(json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"])
    except FileNotFoundError as error:
        raise _unusable("metadata.json is missing in its configs folder") from error
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable("configs/metadata.json names no version") from error


def retinanet_detector(network: Any, config: BundleConfig) -> Any:  # noqa: ANN401 - MONAI's classes are not typed
    """MONAI's detector around the network: anchors, box decoding, non-maximum suppression, sliding window."""
    from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
    from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape

    anchors = AnchorGeneratorWithAnchorShape(config.feature_map_scales, config.anchor_shapes)
    detector = RetinaNetDetector(network, anchors)
    detector.set_target_keys(box_key="box", label_key="label")
    detector.set_box_selector_parameters(
        score_thresh=config.score_threshold,
        topk_candidates_per_level=config.candidates_per_level,
        nms_thresh=config.nms_threshold,
        detections_per_img=config.detections,
    )
    detector.set_sliding_window_inferer(
        roi_size=config.patch, overlap=config.overlap, sw_batch_size=1, mode="constant", device="cpu"
    )
    return detector.eval()
