"""Take the README's picture of a report, with a real browser.

`python -m benchmarks.report_picture --report home/reports/….html --out docs/report.png`

The picture is the beginning of the page: the summary, the figure and the first rows of the headline table. It needs
Chromium and its driver (Debian: chromium, chromium-driver) and the extra `test`.
"""

import argparse
import base64
import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from text2graph_dagster.errors import UserError

WIDTH, MAX_BYTES = 1080, 150_000
ROWS = 4  # of the headline table
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Hides the links and the explanations, which are of use on the page only, and returns where the last row ends.
_CROP = """
document.querySelectorAll("nav, #headline > p").forEach(node => { node.style.display = "none" });
document.querySelector("header").style.paddingTop = "1.5rem";
document.querySelector("section").style.marginTop = "1.5rem";
const rows = document.querySelectorAll("#headline table.figures:first-of-type tbody tr");
const last = rows[Math.min(arguments[0], rows.length) - 1];
return last ? Math.ceil(last.getBoundingClientRect().bottom + window.scrollY) : 0;
"""


def take_picture(report: Path, out: Path) -> int:
    """Write the picture and return its size in bytes.

    Raises:
        UserError: there is no browser, the page has no headline table, or the picture is too large for a README.
    """
    if not report.is_file():
        raise UserError(f"there is no report {report}: `text2graph report` prints the path of the last one.")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and driver):
        raise UserError("no browser was found: install Debian's chromium and chromium-driver.")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--window-size={WIDTH},1200"):
        options.add_argument(flag)
    page = webdriver.Chrome(options=options, service=Service(driver))
    try:
        page.set_page_load_timeout(60)
        page.get(report.resolve().as_uri())
        height = int(page.execute_script(_CROP, ROWS))
        if not height:
            raise UserError(f"{report} has no headline table: name a report of text2graph.")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": height + 1, "scale": 1}
        shot = page.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    finally:
        page.quit()
    picture = base64.b64decode(shot["data"])
    if len(picture) > MAX_BYTES:
        raise UserError(f"the picture has {len(picture):,} bytes, more than {MAX_BYTES:,}: lower ROWS or WIDTH.")
    out.write_bytes(picture)
    return len(picture)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, required=True, help="the page that `text2graph report` names")
    parser.add_argument("--out", type=Path, required=True, help="the PNG file to write")
    arguments = parser.parse_args()
    try:
        print(f"{arguments.out}: {take_picture(arguments.report, arguments.out):,} bytes")
    except UserError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
