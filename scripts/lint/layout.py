"""The repository's shape: one version everywhere, and no file that another program would misread."""

import json
from pathlib import Path
import re
import sys
import tomllib

# The Supervisor takes every file of this name for an app, save in dot-folders and rootfs.
APP_CONFIG = Path("addon/config.yaml")
CONFIG_NAMES = {"config.yaml", "config.yml", "config.json"}


def _match(path: Path, pattern: str) -> str | None:
    found = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else None


def versions() -> dict[str, str | None]:
    """Read the version from each place that states it and exists."""
    places = {
        "addon/config.yaml": r"""^version:\s*["']?([^"'\s]+)""",
        "custom_components/home_sentry/contract/version.py": r"""^VERSION\b[^=]*=\s*"([^"]+)""",
        "CHANGELOG.md": r"^## \[?(\d[^\]\s]*)",
        "addon/CHANGELOG.md": r"^## \[?(\d[^\]\s]*)",
    }
    found = {name: _match(Path(name), pattern) for name, pattern in places.items() if Path(name).exists()}
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    found["pyproject.toml"] = project["project"]["version"]
    manifest = Path("custom_components/home_sentry/manifest.json")
    if manifest.exists():
        found[str(manifest)] = json.loads(manifest.read_text(encoding="utf-8")).get("version")
    return found


def stray(files: list[Path]) -> list[str]:
    """Name files whose name means something to the Supervisor or to Home Assistant that we do not mean."""
    found = []
    for path in files:
        hidden = any(part.startswith(".") or part == "rootfs" for part in path.parts[:-1])
        if path.name in CONFIG_NAMES and path != APP_CONFIG and not hidden:
            found.append(f"{path}: the Supervisor would take it for an app; use another name")
        if path.name == "strings.json":
            found.append(f"{path}: a custom integration has translations/ only")
    return found


def main(names: list[str]) -> int:
    """Print every fault among the files `names` and every disagreement about the version."""
    found = stray([Path(name) for name in names])
    stated = versions()
    if len(set(stated.values())) > 1:
        found.append("the version differs: " + ", ".join(f"{name} says {value}" for name, value in stated.items()))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
