"""The OHIF package: fetched once, checked against the pinned content, and refused when it differs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from cad.errors import Unavailable
from cad.web import ohif


def an_npm(folder: Path, script: str) -> None:
    """An `npm` on its own search path that runs `script`."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def a_package(path: Path) -> Path:
    """An npm package with a built viewer and another file."""
    with tarfile.open(path, "w:gz") as archive:
        for name in ("package/dist/index.html", "package/README.md"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


def test_uses_the_viewer_that_is_there(tmp_path: Path) -> None:
    dist = tmp_path / f"ohif-{ohif.OHIF_VERSION}"
    dist.mkdir()
    assert ohif.ohif_dist(tmp_path) == dist


def test_says_that_npm_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="npm is needed"):
        ohif.ohif_dist(tmp_path / "cache")


def test_says_why_npm_failed_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_npm(tmp_path, "echo 'no such host' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Unavailable, match="no such host"):
        ohif.ohif_dist(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_refuses_another_content_than_the_pinned_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = a_package(tmp_path / "other.tgz")
    an_npm(tmp_path, f"cp {package} .")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Unavailable, match="another content than the pinned one"):
        ohif.ohif_dist(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
