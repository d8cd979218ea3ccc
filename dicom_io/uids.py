"""Deterministic UIDs: the same input, software and weights name the same objects, so that a re-send is no duplicate."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from cad.domain import ModelIdentity

NAMESPACE = uuid.UUID("6a0d8b0e-2f5c-5f3b-9c53-6c756e676361")
"""Root of every UID of lungcad; its last bytes spell "lungca". A change would rename all objects."""


def derived_uid(*parts: str) -> str:
    """The UID that belongs to `parts` (such as job key and object kind): "2.25." and the integer of a UUIDv5.

    Source: DICOM PS3.5 B.2, UUID derived UIDs.
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(parts)).int}"


def device_uid(software_version: str, models: Sequence[ModelIdentity]) -> str:
    """The UID of lungcad as a device; it changes with the software version and with the weights of any network.

    Source: IHE Radiology, AI Results (AIR): the Device UID of a contributing algorithm changes with its model.
    """
    identity = "\n".join(sorted(f"{model.name} {model.version} {model.sha256}" for model in models))
    return derived_uid("device", software_version, hashlib.sha256(identity.encode()).hexdigest())
