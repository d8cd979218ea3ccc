"""Our objects as a person sees them: OHIF in headless Chromium, in front of a real Orthanc.

The pictures stay in test_artifacts/.
"""

from __future__ import annotations

import dataclasses
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, sync_playwright
from pydicom.dataset import Dataset

from cad.commands.embedded_orthanc import (
    OrthancAddress,
    OrthancSetup,
    embedded_orthanc,
    find_orthanc,
    new_address,
)
from cad.errors import Unavailable
from cad.policy import WordingPolicy
from cad.report.statements import state
from cad.web.ohif import ohif_dist, study_path
from cad.web.viewer import DicomWebServer, viewer_app
from dicom_io.write.objects import report_objects
from tests.integration.rigs import served
from tests.made.calcium import a_score
from tests.made.followups import followed_findings
from tests.made.series import Sphere, a_series
from tests.made.subjects import A_PDF, LEFT_NODULE, RIGHT_NODULE, a_context, loaded
from tests.places import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.orthanc, pytest.mark.slow]

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 300_000
"""A study is up in 16 to 26 s on an idle machine; a busy one draws ten times slower."""
REDRAW_MS = 5_000
"""The panel narrows the image when it opens, and OHIF draws the measurement at its new place a moment later."""
LEAST_COLOURED_PIXELS = 200
"""A segment of 14 × 22 mm covers over a thousand screen pixels; anti-aliased grey text and image have no colour."""


def a_study() -> list[Dataset]:
    """A phantom CT with a nodule in each lung and calcium in two arteries, and everything that we say of it.

    One nodule grew since an earlier examination, and one is new.
    """
    spheres = (Sphere(RIGHT_NODULE.centre, 14.0, hu=30), Sphere(LEFT_NODULE.centre, 16.0, hu=30))
    ct = a_series(spheres=spheres)
    source = loaded(ct)
    findings = dataclasses.replace(followed_findings(source), calcium=a_score(source.volume.grid))
    return [*ct, *report_objects(state(findings, WordingPolicy()), source, a_context(), A_PDF).all()]


def store(objects: list[Dataset], orthanc: OrthancAddress) -> None:
    """Uploads objects to Orthanc."""
    for item in objects:
        content = io.BytesIO()
        item.save_as(content, enforce_file_format=True)
        login = (orthanc.username, orthanc.password)
        requests.post(f"{orthanc.url}/instances", content.getvalue(), auth=login, timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The viewer in front of an Orthanc that holds the study."""
    if find_orthanc() is None:
        pytest.skip("Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)")
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    try:
        dist = ohif_dist(ROOT / ".cache" / "viewer")
    except Unavailable as problem:
        pytest.skip(f"the OHIF viewer cannot be had: {problem}")
    with embedded_orthanc(new_address(), tmp_path_factory.mktemp("pacs"), OrthancSetup()) as orthanc:
        store(a_study(), orthanc)
        pacs = DicomWebServer(orthanc.dicomweb_url, orthanc.username, orthanc.password)
        with served(viewer_app(dist, pacs)) as address:
            yield address


@pytest.fixture
def page(origin: str) -> Iterator[Page]:
    """OHIF, opened on the study, its greetings dismissed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, timeout=PATIENCE_MS)
        opened = browser.new_page(viewport={"width": 1600, "height": 900})
        opened.set_default_timeout(PATIENCE_MS)
        opened.goto(origin + study_path(str(a_series(slices=12)[0].StudyInstanceUID)))
        opened.get_by_text("Skip all").click()
        opened.get_by_text("Confirm and hide").click()
        yield opened
        browser.close()


def thumbnail(page: Page, modality: str) -> Locator:
    """The entry of one of our series in the list."""
    label = page.locator("[data-cy='series-modality-label']").filter(has_text=re.compile(f"^{modality}$"))
    return page.locator("[data-cy='study-browser-thumbnail-no-image']").filter(has=label).first


def hydrate(page: Page, modality: str) -> None:
    """Opens a series and agrees to load it."""
    thumbnail(page, modality).dblclick()
    page.locator("[data-cy='yes-hydrate-btn']").click()


def picture(page: Page, name: str) -> Image.Image:
    """A screenshot of the page, kept as an artefact."""
    folder = ROOT / "test_artifacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / name)
    return Image.open(folder / name).convert("RGB")


def coloured_pixels(page: Page) -> int:
    """How many pixels of the drawn image are not grey."""
    # Not a screenshot of the canvas element: the viewer replaces it while it loads a segmentation.
    box = page.locator("[data-cy='viewport-grid']").bounding_box()
    assert box is not None, "the grid of viewports is not shown"
    clip: FloatRect = {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}
    rgb = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")).astype(int)
    # The middle of the pane: its border and its buttons are coloured too.
    rows, columns = (slice(size // 10, size - size // 10) for size in rgb.shape[:2])
    middle = rgb[rows, columns]
    return int(np.count_nonzero(middle.max(axis=-1) - middle.min(axis=-1) > 40))


def wait_until_drawn(page: Page, least: int) -> int:
    """The number of coloured pixels once it has reached `least`, or at the end of our patience."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (count := coloured_pixels(page)) < least and time.monotonic() < deadline:
        page.wait_for_timeout(1000)
    return count


def test_the_segmentation_is_drawn_on_the_images(page: Page) -> None:
    thumbnail(page, "SEG").wait_for()
    page.locator("[data-cy='viewport-pane'] canvas").first.wait_for()
    before = coloured_pixels(page)
    hydrate(page, "SEG")
    after = wait_until_drawn(page, before + LEAST_COLOURED_PIXELS)
    picture(page, "ohif_seg.png")
    assert after >= before + LEAST_COLOURED_PIXELS


def test_the_report_becomes_measurements_with_finding_site_and_label(page: Page) -> None:
    hydrate(page, "SR")
    page.locator("[data-cy='trackedMeasurements-btn']").click()
    rows = page.locator("[data-cy='data-row']")
    rows.first.wait_for()
    page.wait_for_timeout(REDRAW_MS)
    picture(page, "ohif_sr.png")
    text = " ".join(rows.all_inner_texts())
    assert rows.count() == 2
    measurements = page.evaluate("() => window.services.measurementService.getMeasurements()")
    assert len(measurements) == 2
    assert "Nodule 1: 18.0 mm part-solid right lung, growing +100 %, doubling time 365 days" in text
    for measurement in measurements:
        assert measurement["finding"]["text"] == "Nodule"
        assert measurement["findingSites"][0]["text"] == "Lung"
