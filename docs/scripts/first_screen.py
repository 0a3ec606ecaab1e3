"""The first screen of a report as the picture that README shows.

    python docs/scripts/first_screen.py runs/micro/report.html docs/first-screen.png

Needs Chromium and playwright (extra `dev`). The same report and browser give the same picture.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

WIDTH, HEIGHT = 1280, 800


def main(report: Path, out: Path) -> None:
    """Write the picture of `report`, a page on disk."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(f"file://{report.resolve()}")
        page.locator(".downloads").evaluate_all("all => all.forEach(one => { one.hidden = true; })")
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
