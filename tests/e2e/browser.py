"""A person at Home Assistant's pages, in Debian's Chromium."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import os
from pathlib import Path
import shutil
from typing import Final

from playwright.async_api import Page, ViewportSize, async_playwright, expect
import pytest

from scripts.demo_home.home_assistant import Home

OUTPUT: Final = Path(__file__).resolve().parents[2] / "test-output" / "e2e"
_SIZE: Final[ViewportSize] = {"width": 1280, "height": 900}
_PATIENCE_MS: Final = 180_000
_SWITCHES: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=en-US",
)


def chromium() -> str:
    """Give the browser's path; without one, skip, or fail in CI."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        reason = "Chromium is not installed (apt-get install chromium, or scripts/setup --system)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """Open a browser with an empty profile; whatever happens, the last thing seen is kept as ``last.png``."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    executable = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(_SWITCHES), timeout=_PATIENCE_MS
        )
        context = await browser.new_context(viewport=_SIZE, locale="en-US", timezone_id="UTC")
        context.set_default_timeout(_PATIENCE_MS)
        page = await context.new_page()
        expect.set_options(timeout=_PATIENCE_MS)
        try:
            yield page
        finally:
            await page.screenshot(path=OUTPUT / "last.png")
            await browser.close()


async def photograph(page: Page, name: str) -> Path:
    """Keep what the person sees as test output, once pictures and fonts are there."""
    await page.wait_for_timeout(800)
    path = OUTPUT / f"{name}.png"
    await page.screenshot(path=path)
    return path


async def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Log in on Home Assistant's own page."""
    await page.goto(url)
    await page.locator("input[name=username]").fill(user)
    await page.locator("input[name=password]").fill(password)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("home-assistant-main")).to_be_visible()


async def add_integration(page: Page, url: str, engine_url: str, token: str) -> None:
    """Walk Settings → Devices & services → Add integration → Home Sentry, with screenshots of each step."""
    await page.goto(f"{url}/config/integrations/dashboard")
    await page.get_by_role("button", name="Add integration").last.click()
    await page.get_by_placeholder("Search for a brand name").fill("Home Sentry")
    await page.get_by_text("Home Sentry", exact=True).first.click()
    await photograph(page, "02-config-flow")
    await page.get_by_role("textbox", name="Address").fill(engine_url)
    await page.get_by_role("textbox", name="Token").fill(token)
    await photograph(page, "03-config-flow-filled")
    await page.get_by_role("button", name="Submit").click()
    await photograph(page, "04-config-flow-done")
    await page.get_by_role("button", name="Skip and finish").or_(page.get_by_role("button", name="Finish")).click()
    await expect(page.locator("dialog-data-entry-flow")).to_be_hidden()


async def open_device(page: Page, home: Home, name: str, shows: str = "Risk level") -> None:
    """Open the page of a device of the integration, up to the entity that it shows."""
    (devices,) = await home.ask({"type": "config/device_registry/list"})
    device_id = next(one["id"] for one in devices if one["name"] == name and one["manufacturer"] == "Home Sentry")
    await page.goto(f"{home.url}/config/devices/device/{device_id}")
    await expect(page.get_by_text(shows, exact=True).first).to_be_visible()


async def open_dashboard(page: Page, url: str) -> None:
    """Open the dashboard that the demo makes."""
    await page.goto(f"{url}/home-sentry")
    await expect(page.locator("hui-view").first).to_be_visible()
