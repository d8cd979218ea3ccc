"""NELSON and the European position statement: categories by volume."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.guidelines.rows import Row, VolumeResult


@dataclass(frozen=True, slots=True)
class NelsonPolicy:
    """NELSON trial protocol (de Koning et al., N Engl J Med 2020; J Thorac Dis 18049), nodules by volume."""

    edition: str = "trial-protocol"
    """Named in every recommendation."""
    solid_mm3: tuple[float, float] = (50.0, 500.0)
    """Below 50 mm³ negative, 50 to 500 mm³ indeterminate, above 500 mm³ positive; the same of a solid component. What
    is above stays positive whatever its growth."""
    subsolid_mm: float = 8.0
    """Non-solid nodules, and part-solid ones as a whole, are indeterminate from this mean diameter on (NODCAT 3; Xu et
    al., Lung Cancer 2006; PMC9347663 table 1)."""
    doubling_time_days: tuple[float, float] = (400.0, 600.0)
    """Growth of 25 % or more with a doubling time below 400 days is positive (GROWCAT C), to 600 days indeterminate
    (B), above negative (A; van Klaveren et al., N Engl J Med 2009 [unverified])."""
    rows: tuple[Row, ...] = (
        Row(VolumeResult.NEGATIVE),
        Row(VolumeResult.INDETERMINATE, months=(3, 3)),
        Row(VolumeResult.POSITIVE),
    )
    """Results from least to most suspicious."""


@dataclass(frozen=True, slots=True)
class EuPositionPolicy:
    """European position statement on lung cancer screening (Oudkerk et al., Lancet Oncol 2017), solid by volume."""

    edition: str = "2017"
    """Named in every recommendation."""
    baseline_mm3: tuple[float, float] = (100.0, 300.0)
    new_mm3: tuple[float, float] = (30.0, 200.0)
    """Upper limits: above 300 mm³ at baseline and above 200 mm³ when new, multidisciplinary team [abstract]. The lower
    limits are [unverified]."""
    doubling_time_days: tuple[float, float] = (400.0, 600.0)
    """Below 400 days positive, 400 to 600 days indeterminate, above 600 days negative. [unverified]"""
    rows: tuple[Row, ...] = (
        Row(VolumeResult.NEGATIVE, verified=False),
        Row(VolumeResult.INDETERMINATE, verified=False, months=(3, 3)),
        Row(VolumeResult.POSITIVE),
    )
    """Results from least to most suspicious."""
