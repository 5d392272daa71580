"""S14: libraries are locked to files by hash, and those with known holes are recent enough."""

from pathlib import Path
import tomllib

from packaging.version import Version
import pytest

ROOT = Path(__file__).parents[3]
AT_LEAST = {"aiohttp": "3.13.3", "pillow": "13.0", "sqlalchemy": "2.0.40", "av": "19.0.2", "cryptography": "46.0"}


def locked():
    return tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]


def test_every_library_is_pinned_by_hash():
    packages = [one for one in locked() if "registry" in one["source"]]
    assert len(packages) > 30
    for package in packages:
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]


def test_nothing_comes_from_elsewhere_than_the_registry():
    foreign = [one["name"] for one in locked() if "registry" not in one["source"]]
    assert foreign == ["home-sentry-engine"]


@pytest.mark.parametrize("name", AT_LEAST)
def test_libraries_that_had_holes_are_recent(name):
    versions = [Version(one["version"]) for one in locked() if one["name"] == name]
    assert versions
    assert min(versions) >= Version(AT_LEAST[name])
