"""Pictures for the fault suite: one that shows a person, as many different ones of it as a test needs."""

import math
from pathlib import Path

import pytest

from tests.engine.faults.programs import different


@pytest.fixture(scope="session")
def person(test_media: Path) -> bytes:
    return (test_media / "images/misc/darknet_person.jpg").read_bytes()


@pytest.fixture
def stock(person: bytes):
    """Give pictures of a person, each with its own content."""
    return lambda count, first=0: [different(person, number) for number in range(first, first + count)]


@pytest.fixture
def rounds(request: pytest.FixtureRequest):
    """Choose between the short form and the one of ``--full``."""
    return lambda short, full: full if request.config.getoption("--full") else short


@pytest.fixture
def within(request: pytest.FixtureRequest):
    """Give what a figure may be at most: three times its target with ``--full``, anything on a machine in a hurry."""
    return lambda target: 3 * target if request.config.getoption("--full") else math.inf
