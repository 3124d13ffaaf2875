"""Sensor, automation, backfill, and the UI in a real browser, with webserver and daemon running."""

import shutil
import time
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.assets.conftest import write_corpus
from tests.system.conftest import Site, wait_until

pytestmark = pytest.mark.slow

ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
TRAINING = {"sft_checkpoint", "grpo_checkpoint"}
BACKFILL = """
mutation($assets: [AssetKeyInput!], $partitions: [String!]) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $partitions}) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
STATUS = "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
ASSETS = [
    *("raw_corpus", "teacher_graphs", "cot_traces", "filtered_dataset"),
    *("sft_checkpoint", "grpo_checkpoint", "eval_report"),
]


def drop(served: Site, name: str, **shape: int) -> None:
    """Copy a corpus into the corpora folder, as a user would."""
    source = write_corpus(served.root / "sources" / name, **shape)
    target = served.root / "corpora" / name
    target.parent.mkdir(exist_ok=True)
    shutil.copytree(source, target.with_name(f".{name}"))
    target.with_name(f".{name}").rename(target)


def ended(served: Site, partition: str) -> list[str]:
    """Return the final status of every finished run of a partition."""
    tag = {"key": "dagster/partition", "value": partition}
    return [run["status"] for run in served.runs() if tag in run["tags"] and run["status"] in ENDED]


def trained(served: Site) -> bool:
    return served.warehouse.count("checkpoints") > 0


def test_a_failed_gate_blocks_automation_and_backfill_until_the_corpus_is_removed(served: Site) -> None:
    drop(served, "bad", documents=20, broken=60)
    drop(served, "good")
    wait_until(lambda: bool(ended(served, "bad")), 180, "the sensor did not run the bad corpus")
    wait_until(lambda: "SUCCESS" in ended(served, "good"), 180, "the sensor did not run the good corpus")
    assert ended(served, "bad") == ["FAILURE"]
    assert served.warehouse.count("teacher_graphs", "bad") == 0

    keys = [{"path": [name]} for name in ASSETS]
    answer = served.query(BACKFILL, assets=keys, partitions=["bad"])["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    wait_until(
        lambda: served.query(STATUS, id=answer["backfillId"])["partitionBackfillOrError"]["status"].startswith(
            ("COMPLETED", "FAILED")
        ),
        240,
        "the backfill did not end",
    )
    time.sleep(15)  # three ticks of automation
    launched = {
        a["path"][0] for run in served.runs() for a in run["assetSelection"] or [] if run["status"] == "SUCCESS"
    }
    assert not trained(served)
    assert not launched & TRAINING

    assert served.tool("text2graph", "corpora", "remove", "bad").returncode == 0
    drop(served, "more", documents=66)
    wait_until(lambda: trained(served), 300, "automation did not start training on the good data")
    wait_until(lambda: served.warehouse.count("report_runs") > 0, 300, "automation did not make the report")


@pytest.fixture
def browser() -> Iterator[WebDriver]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("NO BROWSER: install Debian's chromium and chromium-driver to run this test")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1600,1000"),
    ):
        options.add_argument(flag)
    found = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield found
    finally:
        found.quit()


def test_the_ui_shows_the_lineage_launches_a_run_and_shows_gates(served: Site, browser: WebDriver) -> None:
    page = browser
    wait = WebDriverWait(page, 90)

    def shows(*words: str) -> None:
        wait.until(lambda d: all(word in d.find_element(By.TAG_NAME, "body").text for word in words))

    def press(beginning: str) -> None:
        """Click the last visible button whose label begins so; a dialog's buttons come after those of the page."""
        path = f"//button[starts-with(normalize-space(.), '{beginning}')]"

        def buttons(d: WebDriver) -> list[WebElement]:
            return [b for b in d.find_elements(By.XPATH, path) if b.is_displayed() and b.is_enabled()]

        wait.until(lambda d: buttons(d))
        page.execute_script("arguments[0].click()", buttons(page)[-1])

    if "browsed" not in {folder.name for folder in (served.root / "corpora").glob("*")}:
        drop(served, "browsed")
    wait_until(lambda: "SUCCESS" in ended(served, "browsed"), 180, "the corpus was not run")
    before = len(materialised(served))
    for group, assets in (("data", ASSETS[:4]), ("model", ASSETS[4:])):
        page.get(f"{served.url}/locations/text2graph/asset-groups/{group}/lineage")
        shows(*assets)
    page.get(f"{served.url}/assets/raw_corpus?view=partitions&partition=browsed")
    shows("browsed")
    press("Materialize")
    press("Launch")
    wait_until(lambda: len(materialised(served)) > before, 120, "the launched run did not succeed")
    page.get(f"{served.url}/assets/raw_corpus?view=checks")
    shows("accounting", "quarantined", "language", "contract")


def materialised(served: Site) -> list[str]:
    """Return the runs that materialised only raw_corpus, as the UI does."""
    wanted = [{"path": ["raw_corpus"]}]
    return [r["runId"] for r in served.runs() if r["assetSelection"] == wanted and r["status"] == "SUCCESS"]
