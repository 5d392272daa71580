"""What all parts of the suite share: `--full`, the folders with models and pictures, and honest skips.

This file is read in both environments, so it imports neither the engine nor Home Assistant.
"""

from collections.abc import Generator
import os
from pathlib import Path

import pytest

from tests.needs import folder_from, unproven


class SkipAudit:
    """Names each skip whose reason the machine refutes; with HOME_SENTRY_CI set, one of them fails the run."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._judge(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._judge(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for fault in self.faults:
            terminalreporter.write_line(f"UNEXPECTED SKIP {fault}", red=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        if self.faults and os.environ.get("HOME_SENTRY_CI") and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def _judge(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
            fault = unproven(report.longrepr[2].removeprefix("Skipped: "))
            if fault:
                self.faults.append(f"{report.nodeid}: {fault}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the tests marked `full` too, which take minutes each")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SkipAudit(), "skip-audit")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long = [item for item in items if item.get_closest_marker("full")]
    if long and not config.getoption("--full"):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(scope="session")
def model_mirror() -> Path:
    """The folder with model files; skips where HOME_SENTRY_MODEL_MIRROR does not name one."""
    return folder_from("HOME_SENTRY_MODEL_MIRROR")


@pytest.fixture(scope="session")
def test_media() -> Path:
    """The folder with labelled pictures; skips where HOME_SENTRY_TEST_MEDIA does not name one."""
    return folder_from("HOME_SENTRY_TEST_MEDIA")
