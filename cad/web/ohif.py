"""The OHIF viewer as its npm package ships it: fetched once, checked, unpacked, and told where the PACS is."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from cad.errors import Unavailable

OHIF_PACKAGE = "@ohif/app"
OHIF_VERSION = "3.13.2"
OHIF_INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
"""The npm registry's `dist.integrity` of that version (Subresource Integrity form)."""

NPM_TIMEOUT_S = 600.0
"""The package has 50 MB; ten minutes allow for a slow line."""


def ohif_dist(cache: Path) -> Path:
    """The folder of the built viewer below `cache`, fetched with npm on the first call.

    Raises Unavailable when npm is absent, fails, or serves another content than the pinned one.
    """
    dist = cache / f"ohif-{OHIF_VERSION}"
    if dist.is_dir():
        return dist
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        package = _pack(Path(scratch))
        _check_integrity(package)
        _unpack(package, Path(scratch))
        (Path(scratch) / "package" / "dist").rename(dist)
    return dist


def app_config(dicomweb_root: str) -> str:
    """The JavaScript of `/app-config.js` that points OHIF to a DICOMweb server on its own origin.

    Thumbnails are rendered by the browser, since Orthanc 1.10 has no WADO-RS thumbnail resource. Multipart requests
    are unquoted, since the DICOMweb plug-in rejects the quoted form.
    """
    source = {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "pacs",
        "configuration": {
            "friendlyName": "Orthanc",
            "name": "pacs",
            "qidoRoot": dicomweb_root,
            "wadoRoot": dicomweb_root,
            "wadoUriRoot": dicomweb_root,
            "qidoSupportsIncludeField": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": False,
            "supportsWildcard": True,
            "singlepart": "bulkdata,video",
            "omitQuotationForMultipartRequest": True,
        },
    }
    config = {
        "routerBasename": "/",
        "extensions": [],
        "modes": [],
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "defaultDataSourceName": "pacs",
        "dataSources": [source],
    }
    return f"window.config = {json.dumps(config, indent=2)};\n"


def study_path(study_uid: str) -> str:
    """The path, on the viewer's origin, that opens OHIF on one study."""
    return f"/viewer?StudyInstanceUIDs={study_uid}"


def _pack(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("viewer", "npm is needed once to fetch the OHIF viewer and was not found (Debian: npm)")
    specification = f"{OHIF_PACKAGE}@{OHIF_VERSION}"
    command = [npm, "pack", specification, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=NPM_TIMEOUT_S)  # noqa: S603 - fixed arguments
    except subprocess.CalledProcessError as error:
        raise Unavailable("viewer", f"npm could not fetch {specification}: {error.stderr.strip()[-300:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable("viewer", f"npm did not fetch {specification} in {NPM_TIMEOUT_S:.0f} s") from error
    packages = sorted(folder.glob("*.tgz"))
    if len(packages) != 1:
        raise Unavailable("viewer", f"npm left {len(packages)} packages where one was expected")
    return packages[0]


def _check_integrity(package: Path) -> None:
    digest = hashlib.sha512(package.read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode("ascii")
    if found != OHIF_INTEGRITY:
        raise Unavailable("viewer", f"{OHIF_PACKAGE} {OHIF_VERSION} has another content than the pinned one: {found}")


def _unpack(package: Path, folder: Path) -> None:
    with tarfile.open(package) as archive:
        members = [member for member in archive.getmembers() if member.name.startswith("package/dist/")]
        archive.extractall(folder, members=members, filter="data")
