"""Test the HTML report in Chromium: by clicking, in light and dark, and as wide as a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autodiff.report import render_report
from tests.report.project import write_shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]

CONTRAST = """
() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, two) => {
    const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const clear = (color) => color === "rgba(0, 0, 0, 0)" || color === "transparent";
  const found = [];
  for (const element of document.querySelectorAll("main *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest("title, style")) continue;
    const isText = element.namespaceURI.endsWith("svg");
    const style = getComputedStyle(element);
    let back = "";
    if (isText) {
      const band = element.closest(".row")?.querySelector(".band");
      const frame = band || element.closest(".box").querySelector(".frame");
      back = getComputedStyle(frame).fill;
    } else {
      let parent = element;
      const color = (node) => getComputedStyle(node).backgroundColor;
      while (parent.parentElement && clear(color(parent))) parent = parent.parentElement;
      back = color(parent);
    }
    found.push([ratio(isText ? style.fill : style.color, back), element.textContent.trim()]);
  }
  return found;
}
"""
"""Returns the contrast of each text with what is behind it, by the formula of WCAG 2."""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    path = folder / "report.html"
    path.write_text(render_report(write_shop(folder).review(offline=True), "html"), "utf-8")
    return path


@pytest.fixture
def open_page(browser: Browser, page_file: Path) -> Iterator[Open]:
    """Yield a function that opens the report; nothing may be logged or loaded."""
    contexts: list[Any] = []
    problems: list[str] = []

    def open_one(width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: problems.append(r.url) if r.url[:4] != "file" else None)
        page.goto(page_file.as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def test_search(open_page: Open) -> None:
    """It finds tables by their names, columns and what happens to them, and marks the boxes."""
    page = open_page()
    tables = page.locator("details[data-search]")
    assert page.inner_text("#found") == "3 of 3 tables"
    for words, expected in (("phone", "people"), ("ORD add", "lines"), ("note chang", "orders")):
        page.fill("#search", words)
        assert page.inner_text("#found") == "1 of 3 tables"
        shown = tables.filter(visible=True)
        assert shown.count() == 1 and expected in shown.inner_text()
        assert page.locator(".box.hit.dim").count() == 0 < page.locator(".box.hit").count()
    page.fill("#search", "nothing of that name")
    assert page.inner_text("#found") == "0 of 3 tables"
    page.fill("#search", "")
    assert page.locator(".box.dim, .box.hit").count() == 0


def test_before_and_after(open_page: Open) -> None:
    page = open_page()
    pictures = page.locator("figure.picture")
    assert pictures.filter(visible=True).count() == 2
    page.get_by_role("button", name="Before", exact=True).click()
    assert pictures.filter(visible=True).locator("figcaption").all_inner_texts() == ["Before"]
    assert "people" not in pictures.filter(visible=True).inner_text()
    page.get_by_role("button", name="After", exact=True).click()
    assert pictures.filter(visible=True).locator("figcaption").all_inner_texts() == ["After"]
    assert page.locator('[data-side="After"]').get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Both").click()
    assert pictures.filter(visible=True).count() == 2


def test_details_open_and_lead_to_the_diagram(open_page: Open) -> None:
    page = open_page(width=700)
    page.get_by_role("button", name="Full size").click()
    entry = page.locator('details[data-search^="people"]')
    entry.locator("summary").click()
    assert "character varying(20)" in entry.inner_text()
    entry.get_by_role("button").click()
    assert set(page.locator(".box.hit .name").all_text_contents()) == {
        "users",
        "people (was users)",
    }
    migration = page.locator("details", has_text="0002_step").last
    migration.locator("summary").click()
    assert "RENAME TABLE users TO people" in page.locator("pre").all_inner_texts()[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_page: Open, scheme: str) -> None:
    """Each text has the contrast that WCAG AA asks for; what changes is also said in words."""
    page = open_page(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = page.evaluate(CONTRAST)
    assert len(found) > 50
    assert [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5] == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(13, 17, 23)"
    )


@pytest.mark.parametrize("width", [320, 390])
def test_phone(open_page: Open, width: int) -> None:
    """Nothing is wider than the screen, also with all details open."""
    page = open_page(width=width)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
