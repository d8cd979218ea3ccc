"""Places for nodules in a made-up lung: each kind where its anatomy is."""

from __future__ import annotations

import numpy as np

from models.training.material.sites import SHARES, draw_site, sites_of


def _chest() -> tuple[np.ndarray, np.ndarray]:
    """Two boxes of lung with a vessel in each; k towards the head."""
    hu = np.full((80, 70, 110), 40, dtype=np.int16)
    lungs = np.zeros(hu.shape, dtype=np.uint8)
    for label, columns in ((1, slice(8, 48)), (2, slice(62, 102))):
        lungs[10:70, 10:60, columns] = label
    hu[lungs > 0] = -860
    hu[38:42, 33:37, 8:102] = np.where(lungs[38:42, 33:37, 8:102] > 0, 30, 40)
    return hu, lungs


def test_every_kind_lies_in_the_lungs_and_where_it_belongs() -> None:
    hu, lungs = _chest()
    sites = sites_of(hu, lungs, seed=1)
    assert set(sites.voxels) == set(SHARES)
    for kind, voxels in sites.voxels.items():
        assert len(voxels), kind
        assert (lungs[tuple(voxels.T)] > 0).all(), kind
    assert sites.voxels["apex"][:, 0].min() >= 60
    assert sites.voxels["base"][:, 0].max() < 28
    assert (np.abs(sites.voxels["vessel"][:, :2] - [39.5, 34.5]) < 6).all()
    away = np.abs(sites.voxels["fissure"][:, :2] - [39.5, 34.5]).max(axis=1)
    assert away.min() > 8
    assert sites.border_depth_mm.max() <= 14


def test_a_nodule_at_the_border_reaches_the_pleura() -> None:
    hu, lungs = _chest()
    sites = sites_of(hu, lungs, seed=1)
    rng = np.random.default_rng(2)
    only = type(sites)(
        {k: v[:0] for k, v in sites.voxels.items()}
        | {"parenchyma": sites.voxels["border"], "border": sites.voxels["border"]},
        sites.border_depth_mm,
    )
    depth = {tuple(v): d for v, d in zip(sites.voxels["border"].tolist(), sites.border_depth_mm, strict=True)}
    reached = [depth[draw_site(only, 16.0, rng)] < 9 for _ in range(300)]
    assert np.mean(reached) > 0.6


def test_a_scan_without_lungs_has_no_sites() -> None:
    hu = np.full((20, 20, 20), 40, dtype=np.int16)
    sites = sites_of(hu, np.zeros(hu.shape, dtype=np.uint8), seed=0)
    assert all(len(v) == 0 for v in sites.voxels.values())
