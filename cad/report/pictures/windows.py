"""How Hounsfield units are shown as grey: centre and width."""

from __future__ import annotations

LUNG_WINDOW_HU = (-600.0, 1500.0)
"""Lung window of the Fleischner recommendations for measuring nodules (Bankier et al., Radiology 2017)."""

MEDIASTINAL_WINDOW_HU = (40.0, 400.0)
"""The usual window of soft tissue in the chest."""
