"""The network of MONAI's `lung_nodule_ct_detection` bundle, built from MONAI's own parts.

MONAI's detection package takes a few names from torchvision, which has no other use here and ships compiled operators.
Where it is absent, its one name that inference needs is supplied: a ModuleDict that keeps chosen intermediate outputs.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

SPATIAL_DIMS, CLASSES, ANCHORS = 3, 1, 3
RETURNED_LAYERS = (1, 2)
SIZE_DIVISIBLE = (16, 16, 8)
ALL_TRAINABLE = 5


class IntermediateLayers(nn.ModuleDict):
    """The children of `model` up to the last one named in `return_layers`; `forward` gives the outputs of those.

    Parameters keep the names that torchvision's IntermediateLayerGetter gives them, so published weights fit.
    """

    def __init__(self, model: nn.Module, return_layers: Mapping[str, str]) -> None:
        children = list(model.named_children())
        last = max(n for n, (name, _) in enumerate(children) if name in return_layers)
        super().__init__(OrderedDict(children[: last + 1]))
        self.return_layers = dict(return_layers)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                outputs[self.return_layers[name]] = x
        return outputs


def lung_nodule_retinanet(seed: int | None = None) -> Any:  # noqa: ANN401 - MONAI's classes are not typed
    """The bundle's RetinaNet (ResNet-50 with feature pyramid, 20.9 million parameters), randomly initialised.

    Axes are (x, y, z) as MONAI has them; input [n, 1, x, y, z] in 0..1 with edges that are multiples of (16, 16, 8).
    """
    from monai.apps.detection.networks.retinanet_network import RetinaNet
    from monai.networks.blocks import backbone_fpn_utils
    from monai.networks.nets.resnet import resnet50

    if importlib.util.find_spec("torchvision") is None:
        names = SimpleNamespace(_utils=SimpleNamespace(IntermediateLayerGetter=IntermediateLayers))
        backbone_fpn_utils.torchvision_models = names
    if seed is not None:
        torch.manual_seed(seed)
    backbone = resnet50(spatial_dims=3, n_input_channels=1, conv1_t_stride=[2, 2, 1], conv1_t_size=[7, 7, 7])
    pyramid = backbone_fpn_utils._resnet_fpn_extractor(
        backbone, SPATIAL_DIMS, ALL_TRAINABLE, list(RETURNED_LAYERS), None
    )
    return RetinaNet(SPATIAL_DIMS, CLASSES, ANCHORS, pyramid, size_divisible=list(SIZE_DIVISIBLE)).eval()
