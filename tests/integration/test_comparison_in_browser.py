"""The comparison page as a person sees it: headless Chromium on the real API, with a made-up pair and its known map.

The pictures stay in test_artifacts/.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cad.geometry import indices_of
from cad.policy import SeriesPolicy
from cad.report.json.followup_map import comparison_map
from cad.service.health import Health
from cad.service.jobs import Job, JobState, RetryPolicy, Source
from cad.service.store import ObjectRecord, Store
from cad.web.api import ApiDependencies, create_api
from cad.web.scan_cache import ScanCache, SeriesPlaces
from dicom_io.read.reading import load_datasets
from orthanc.in_memory import InMemoryPacs, id_of
from orthanc.spool import Spool
from tests.integration.rigs import served
from tests.integration.test_viewer_in_browser import CHROMIUM, CHROMIUM_OPTIONS
from tests.made.comparisons import (
    CURRENT_DATE,
    NODULES,
    PRIOR_DATE,
    KnownMap,
    MadeUpPair,
    a_followup,
    a_pair,
    findings_of_pair,
    findings_without_prior,
)
from tests.places import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARTIFACTS = ROOT / "test_artifacts"
PATIENCE_MS = 60_000
"""Every step takes well under a second on an idle machine."""
SECRET = "made-up"
COMPARED, ALONE = "c" * 64, "d" * 64
SIZES = ({"width": 1280, "height": 800}, {"width": 1920, "height": 1080})
GROWING, _, NEW, RESOLVED = NODULES
MAP_ERROR_MM = 0.1
"""Linear interpolation between nodes 10 mm apart (tests/unit/report/json/test_followup_map.py), and rounding."""


@contextmanager
def a_console(pair: MadeUpPair, folder: Path) -> Iterator[str]:
    """The API on a free port with a job that was compared and one that was not; its origin."""
    store = Store(f"sqlite:///{folder / 'jobs.sqlite'}", RetryPolicy())
    store.upgrade_tables()
    pacs = InMemoryPacs()
    pacs.receive([*pair.current, *pair.prior, *pair.alone])
    _record(store, COMPARED, findings_of_pair(pair), comparison_map(a_followup(pair), pair.lungs))
    _record(store, ALONE, findings_without_prior(pair), None)
    scans = ScanCache(SeriesPlaces(store, pacs, Spool(folder / "spool")).fetch, SeriesPolicy())
    dependencies = ApiDependencies(
        store=store,
        notify=lambda _: None,
        health=lambda: Health({"pacs": "ok"}),
        clock=lambda: datetime.now(UTC),
        scans=scans,
        token=SECRET,
    )
    with served(create_api(dependencies)) as origin:
        yield origin
    store.close()


def _record(store: Store, key: str, document: dict[str, Any], carried: bytes | None) -> None:
    now, series_uid = datetime.now(UTC), document["series"]["series_uid"]
    store.accept(Job(key, Source.PACS, id_of(series_uid), series_uid, ("1",), JobState.QUEUED, now, now, now))
    claimed = store.claim("me", now + timedelta(minutes=2), now)
    assert claimed is not None
    store.analysed(claimed, [ObjectRecord(f"2.25.{len(key)}{key[0]}", "2.25.2", "SR")], document, now, carried)


@pytest.fixture(scope="module")
def pair() -> MadeUpPair:
    return a_pair()


@pytest.fixture(scope="module")
def origin(pair: MadeUpPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with a_console(pair, tmp_path_factory.mktemp("console")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(origin: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, timeout=PATIENCE_MS)
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, url: str, size: dict[str, int]) -> Iterator[Page]:
    """A page that is given the token as a password; leaving it fails on any complaint of the browser."""
    login: Any = {"username": "anybody", "password": SECRET}
    viewport: Any = size
    context = browser.new_context(viewport=viewport, http_credentials=login)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def page(origin: str, browser: Browser) -> Iterator[Page]:
    with opened(browser, f"{origin}/jobs/{COMPARED}/comparison", SIZES[0]) as shown:
        wait_until_drawn(shown)
        yield shown


def wait_until_drawn(page: Page) -> None:
    page.locator("#current[data-ready=true]").wait_for()
    page.locator("#prior[data-ready=true]").wait_for()


def place_of(page: Page, which: str) -> list[float]:
    told = page.locator(f"#{which}").get_attribute("data-place")
    assert told is not None
    return [float(value) for value in told.split()]


def slice_of(page: Page, which: str) -> int:
    return int(page.locator(f"#{which}").get_attribute("data-slice") or -1)


def greys(page: Page, which: str) -> list[int]:
    """How often each grey value occurs on the middle part of a canvas."""
    counts: list[int] = page.evaluate(
        """(which) => {
            const canvas = document.querySelector(`#${which} canvas`);
            const [w, h] = [canvas.width / 2, canvas.height / 2];
            const middle = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
            middle.drawImage(canvas, -w / 2, -h / 2);
            const { data } = middle.getImageData(0, 0, w, h);
            const counts = new Array(256).fill(0);
            for (let n = 0; n < data.length; n += 4) counts[data[n]]++;
            return counts;
        }""",
        which,
    )
    return counts


def picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / name)


def settle(page: Page) -> None:
    """Until what was asked for is drawn: two frames, and the slices that they need."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    wait_until_drawn(page)


def test_both_scans_are_drawn_with_lung_and_soft_tissue(page: Page) -> None:
    for which in ("current", "prior"):
        counts = np.array(greys(page, which))
        # Lung of -860 HU is (-860 + 1350) / 1500 × 255 = 83 in the lung window, soft tissue of 40 HU is 236.
        assert counts[78:89].sum() > 0.1 * counts.sum()
        assert counts[231:242].sum() > 0.05 * counts.sum()


def test_the_page_opens_on_the_first_nodule_in_both_scans(page: Page) -> None:
    assert place_of(page, "current") == pytest.approx(GROWING.centre, abs=0.01)
    assert place_of(page, "prior") == pytest.approx(KnownMap().carried(GROWING.centre), abs=0.01)


@pytest.mark.parametrize(
    ("name", "other", "carried"), [("current", "prior", "to_moving"), ("prior", "current", "to_fixed")]
)
def test_scrolling_one_scan_takes_the_other_to_the_registered_place(
    page: Page, pair: MadeUpPair, name: str, other: str, carried: str
) -> None:
    before = slice_of(page, name)
    page.locator(f"#{name} canvas").hover()
    for _ in range(4):
        page.mouse.wheel(0, 100)
    page.locator(f"#{name}[data-slice='{before - 4}']").wait_for()
    settle(page)
    expected = getattr(KnownMap(), carried)(np.array([place_of(page, name)]))[0]
    assert place_of(page, other) == pytest.approx(list(expected), abs=MAP_ERROR_MM)
    grid = load_datasets(pair.prior if other == "prior" else pair.current, SeriesPolicy()).volume.grid
    assert abs(slice_of(page, other) - indices_of(grid, expected[None])[0, 0]) <= 0.5 + MAP_ERROR_MM


def test_keys_and_the_slider_scroll_too(page: Page) -> None:
    before = slice_of(page, "current")
    page.locator("#current canvas").hover()
    page.keyboard.press("ArrowUp")
    page.locator(f"#current[data-slice='{before + 1}']").wait_for()
    page.keyboard.press("PageDown")
    page.locator(f"#current[data-slice='{before - 9}']").wait_for()
    page.keyboard.press("End")
    page.locator("#current[data-slice='0']").wait_for()
    page.locator("#current .slider").fill("30")
    page.locator("#current[data-slice='30']").wait_for()


def test_without_the_link_the_other_scan_stays(page: Page) -> None:
    page.locator("#linked").click()
    before = (slice_of(page, "current"), slice_of(page, "prior"))
    page.locator("#current canvas").hover()
    page.keyboard.press("ArrowDown")
    page.locator(f"#current[data-slice='{before[0] - 1}']").wait_for()
    assert slice_of(page, "prior") == before[1]


@pytest.mark.parametrize(
    ("name", "other", "carried"), [("current", "prior", "to_moving"), ("prior", "current", "to_fixed")]
)
def test_a_click_carries_the_crosshair(page: Page, name: str, other: str, carried: str) -> None:
    before = place_of(page, name)
    box = page.locator(f"#{name} canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.68, box["y"] + box["height"] * 0.42)
    settle(page)
    place = place_of(page, name)
    assert place[2] == pytest.approx(before[2], abs=2.0)  # the same slice, at most half a thickness away
    assert np.linalg.norm(np.subtract(place[:2], before[:2])) > 30
    expected = getattr(KnownMap(), carried)(np.array([place]))[0]
    assert place_of(page, other) == pytest.approx(list(expected), abs=MAP_ERROR_MM)


def test_zooming_to_the_place_shows_the_nodule_in_the_middle_of_both(page: Page) -> None:
    page.locator("#circles").click()
    page.locator("#crosshair").click()
    page.locator("#current canvas").hover()
    page.keyboard.press("z")
    settle(page)
    # The nodule of 40 HU is in the middle of both canvases: 236 in the lung window; the lung around it is 83.
    for which in ("current", "prior"):
        middle = page.evaluate(
            """(which) => {
                const canvas = document.querySelector(`#${which} canvas`);
                return canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0];
            }""",
            which,
        )
        assert middle == pytest.approx(236, abs=3)


def test_a_row_of_the_table_takes_both_scans_to_the_nodule(page: Page) -> None:
    page.locator(f"tr[data-uid='{NEW.uid}']").click()
    settle(page)
    assert place_of(page, "current") == pytest.approx(NEW.centre, abs=0.01)
    assert place_of(page, "prior") == pytest.approx(KnownMap().carried(NEW.centre), abs=MAP_ERROR_MM)
    page.locator(f"tr[data-uid='{RESOLVED.uid}']").click()
    settle(page)
    assert place_of(page, "prior") == pytest.approx(KnownMap().carried(RESOLVED.centre), abs=0.01)
    assert place_of(page, "current") == pytest.approx(RESOLVED.centre, abs=MAP_ERROR_MM)


def test_the_table_says_what_changed(page: Page) -> None:
    row = page.locator(f"tr[data-uid='{GROWING.uid}']").inner_text()
    # Balls of 10 and 14 mm: 524 and 1437 mm³, 174 % more, which doubles in 255 ln 2 / ln 2.744 = 175 days.
    for words in ("growing", "524", "1437", "+174", "175", "149 to 210", "+4.0", "solid, RLL"):
        assert words in row
    assert "new" in page.locator(f"tr[data-uid='{NEW.uid}']").inner_text()
    assert "resolved" in page.locator(f"tr[data-uid='{RESOLVED.uid}']").inner_text()
    assert PRIOR_DATE in page.locator("#prior .what").inner_text()
    assert CURRENT_DATE in page.locator("#current .what").inner_text()


def test_the_chart_shows_every_time_point_with_its_interval(page: Page) -> None:
    series = page.locator(f"#chart g[data-uid='{GROWING.uid}']")
    assert series.locator("circle").count() == series.locator(".bar").count() == 3
    heights = [float(node.get_attribute("cy") or 0) for node in series.locator("circle").all()]
    # The axis is logarithmic: 10 → 14 mm rises ln 1.4 / ln (10 / 9) = 3.19 times as far as 9 → 10 mm.
    assert (heights[1] - heights[2]) / (heights[0] - heights[1]) == pytest.approx(3.19, abs=0.02)
    assert page.locator(f"#chart g[data-uid='{NEW.uid}'] circle").count() == 1


def test_a_window_changes_the_pixels_and_a_drag_changes_the_window(page: Page) -> None:
    lung = greys(page, "current")
    page.get_by_role("button", name="Mediastinum").click()
    settle(page)
    mediastinum = greys(page, "current")
    assert mediastinum[0] > lung[0]  # lung of -860 HU is black below -160 HU
    expect(page.locator("#current .how")).to_have_text("W 400  L 40")
    box = page.locator("#prior canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 200, steps=4)
    page.mouse.up()
    expect(page.locator("#current .how")).to_have_text("W 460  L 40")
    expect(page.locator("#prior .how")).to_have_text("W 460  L 40")


@pytest.mark.parametrize("size", SIZES, ids=["1280", "1920"])
def test_nothing_overflows(origin: str, browser: Browser, size: dict[str, int]) -> None:
    with opened(browser, f"{origin}/jobs/{COMPARED}/comparison", size) as page:
        wait_until_drawn(page)
        settle(page)
        picture(page, f"comparison_{size['width']}.png")
        over = page.evaluate(
            """() => [...document.querySelectorAll("header, main, .pane, #results, #nodules, #chart, footer, body")]
                .filter((node) => node.scrollWidth > node.clientWidth + 1)
                .map((node) => node.id || node.tagName)"""
        )
        assert over == []
        assert page.evaluate("() => document.documentElement.scrollHeight <= innerHeight")


def test_without_an_earlier_examination_the_scan_and_the_reason_are_shown(origin: str, browser: Browser) -> None:
    with opened(browser, f"{origin}/jobs/{ALONE}/comparison", SIZES[0]) as page:
        page.locator("#current[data-ready=true]").wait_for()
        said = page.locator("#prior .message").inner_text()
        assert "No earlier examination was compared" in said
        assert "holds no earlier chest CT" in said
        assert page.locator("tbody tr").count() == 3
        picture(page, "comparison_alone.png")


def test_without_the_map_both_scans_are_shown_each_by_itself(origin: str, browser: Browser) -> None:
    def look() -> None:
        with opened(browser, origin, SIZES[0]) as page:
            page.route("**/comparison-map", lambda route: route.fulfill(status=404, json={"detail": "it is gone"}))
            page.goto(f"{origin}/jobs/{COMPARED}/comparison")
            wait_until_drawn(page)
            expect(page.locator("#notice")).to_contain_text("The scans are not linked: it is gone.")
            before = (slice_of(page, "current"), slice_of(page, "prior"))
            page.locator("#current canvas").hover()
            page.keyboard.press("ArrowDown")
            page.locator(f"#current[data-slice='{before[0] - 1}']").wait_for()
            assert slice_of(page, "prior") == before[1]

    with pytest.raises(AssertionError, match="404"):
        look()


def test_an_inline_script_is_refused_and_the_browser_complains(origin: str, browser: Browser) -> None:
    def inject() -> None:
        with opened(browser, f"{origin}/jobs/{COMPARED}/comparison", SIZES[0]) as page:
            wait_until_drawn(page)
            page.evaluate(
                """() => {
                    const script = document.createElement("script");
                    script.textContent = "document.title = 'injected'";
                    document.body.append(script);
                }"""
            )
            assert page.title() == "lungcad comparison"

    with pytest.raises(AssertionError, match="Content Security Policy"):
        inject()


def test_the_status_page_leads_here(origin: str, browser: Browser) -> None:
    with opened(browser, origin, SIZES[0]) as page:
        page.get_by_role("link", name="compare", exact=True).click()
        wait_until_drawn(page)
        assert page.url == f"{origin}/jobs/{COMPARED}/comparison"
