"""What Home Assistant's own checks ask of manifest, texts, icons, brand and quality scale; theirs is not on PyPI."""

import ast
from collections.abc import Iterator
from importlib import metadata
import json
from pathlib import Path
import re
import sys
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict
from PIL import Image
import probatio as vol
import pytest

from custom_components.home_sentry import (
    PLATFORMS,
    actions,
    binary_sensor,
    button,
    camera,
    const,
    event,
    image,
    sensor,
    switch,
)
from custom_components.home_sentry.config_flow import _ERRORS
from custom_components.home_sentry.contract import VERSION

ROOT = Path(__file__).parents[2]
INTEGRATION = ROOT / "custom_components/home_sentry"
SOURCES = sorted(INTEGRATION.rglob("*.py"))
DESCRIPTIONS: dict[str, tuple[Any, ...]] = {
    "binary_sensor": (*binary_sensor.CAMERA_SENSORS, binary_sensor.PROBLEM, binary_sensor.SABOTAGE),
    "button": (*button.BUTTONS, button.REQUEUE, *button.RESTARTS),
    "camera": (camera.LATEST,),
    "event": (event.SECURITY, event.DETECTION, event.ALERT),
    "image": (image.LAST_EVENT,),
    "sensor": (*sensor.CAMERA_SENSORS, *sensor.ENGINE_SENSORS),
    "switch": switch.SWITCHES,
}
SECTIONS = {
    "config",
    "options",
    "config_subentries",
    "entity",
    "device",
    "exceptions",
    "issues",
    "services",
    "selector",
    "system_health",
    "triggers",
    "conditions",
    "device_automation",
}
# what an integration may import from without declaring it
FREE_COMPONENTS = {platform.value for platform in Platform} | {
    "automation",
    "conversation",
    "diagnostics",
    "frontend",
    "media_source",
    "system_health",
    "webhook",
    "websocket_api",
}
RULES = {
    "bronze": "action-setup appropriate-polling brands common-modules config-flow-test-coverage config-flow "
    "dependency-transparency docs-actions docs-conditions docs-high-level-description docs-installation-instructions "
    "docs-removal-instructions docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data "
    "test-before-configure test-before-setup unique-config-entry",
    "silver": "action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters "
    "entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage",
    "gold": "devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations "
    "docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices "
    "entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations "
    "icon-translations reconfiguration-flow repair-issues stale-devices",
    "platinum": "async-dependency inject-websession strict-typing",
}


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((INTEGRATION / name).read_text(encoding="utf-8"))
    return found


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def literals(keyword: str) -> set[str]:
    """Values of a keyword argument wherever the integration's code gives it as a plain string."""
    return {
        node.value.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == keyword
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def required_by_home_assistant() -> set[str]:
    found: set[str] = set()
    waiting = ["homeassistant"]
    while waiting:
        name = waiting.pop()
        for line in metadata.requires(name) or ():
            required = re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
            if "extra ==" in line or required in found:
                continue
            found.add(required)
            try:
                metadata.distribution(required)
            except metadata.PackageNotFoundError:
                continue
            waiting.append(required)
    return found


class TestManifest:
    manifest = load("manifest.json")

    def test_keys(self) -> None:
        keys = list(self.manifest)
        assert keys == ["domain", "name", *sorted(keys[2:])]
        required = {"codeowners", "config_flow", "documentation", "integration_type", "iot_class", "issue_tracker"}
        assert required <= set(keys)
        assert "quality_scale" not in keys, "a custom integration is always of scale 'custom'"
        assert all(owner.startswith("@") for owner in self.manifest["codeowners"])

    def test_identity_and_version(self) -> None:
        assert self.manifest["domain"] == INTEGRATION.name == const.DOMAIN
        assert self.manifest["version"] == VERSION
        AwesomeVersion(VERSION, ensure_strategy=[AwesomeVersionStrategy.SEMVER, AwesomeVersionStrategy.CALVER])

    def test_links(self) -> None:
        for key in ("documentation", "issue_tracker"):
            assert self.manifest[key].startswith("https://")
            assert "home-assistant.io/integrations" not in self.manifest[key]

    def test_discovery(self) -> None:
        assert self.manifest["zeroconf"] == ["_home-sentry._tcp.local."]

    def test_used_components_are_declared(self) -> None:
        declared = {*self.manifest["dependencies"], *self.manifest["after_dependencies"]}
        used = {
            name.split(".")[2]
            for path in SOURCES
            for name in imports(path)
            if name.startswith("homeassistant.components.")
        }
        assert used - FREE_COMPONENTS <= declared

    def test_nothing_but_home_assistants_own_packages(self) -> None:
        assert self.manifest["requirements"] == []
        used = {name.split(".")[0] for path in SOURCES for name in imports(path)} - set(sys.stdlib_module_names)
        assert used == {"aiohttp", "homeassistant", "mashumaro", "orjson", "probatio"}
        assert used - {"homeassistant"} <= required_by_home_assistant()

    def test_the_client_does_not_know_home_assistant(self) -> None:
        for folder, allowed in (("client", {"aiohttp"}), ("contract", {"mashumaro", "orjson"})):
            used = {name.split(".")[0] for path in (INTEGRATION / folder).rglob("*.py") for name in imports(path)}
            assert used - set(sys.stdlib_module_names) <= allowed

    def test_the_session_is_home_assistants(self) -> None:
        for path in SOURCES:
            assert "ClientSession(" not in path.read_text(encoding="utf-8").replace("async_get_clientsession(", "")


class TestTexts:
    english = load("translations/en.json")
    german = load("translations/de.json")

    def test_sections_and_keys(self) -> None:
        assert set(self.english) <= SECTIONS
        for path, text in leaves(self.english):
            assert all(re.fullmatch(r"[a-z0-9]+(?:_[a-z0-9]+)*", key) for key in path), path
            assert text.strip() == text
            assert text
            assert not re.search(r"<[a-z/]", text), path
            assert "[%key" not in text

    def test_both_languages_are_complete(self) -> None:
        english, german = dict(leaves(self.english)), dict(leaves(self.german))
        assert english.keys() == german.keys()
        for path, text in english.items():
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", german[path])), path

    def test_german_is_german(self) -> None:
        english, german = dict(leaves(self.english)), dict(leaves(self.german))
        long = [path for path, text in english.items() if len(text) > 20]
        assert long
        assert [path for path in long if english[path] == german[path]] == []

    def test_every_field_is_described(self) -> None:
        steps = {**self.english["config"]["step"], **self.english["options"]["step"]}
        for name, step in steps.items():
            assert step.get("data", {}).keys() == step.get("data_description", {}).keys(), name
        assert set(steps["user"]["data"]) == {"url", "token", "verify_ssl"}
        options = {value for name, value in vars(const).items() if name.startswith("OPTION_")}
        assert set(steps["init"]["data"]) == options

    def test_every_answer_of_the_flow_has_its_text(self) -> None:
        used = literals("reason") | {key for _, key in _flow_errors()}
        known = self.english["config"]["abort"].keys() | self.english["config"]["error"].keys()
        fixes = [issue["fix_flow"] for issue in self.english["issues"].values() if "fix_flow" in issue]
        assert used <= known | {reason for fix in fixes for reason in fix.get("abort", {})}
        assert {key for _, key in _flow_errors()} | {"cannot_connect"} == self.english["config"]["error"].keys()

    def test_where_a_gpu_works_is_said(self) -> None:
        for step in ("user", "zeroconf_confirm", "hassio_confirm"):
            for texts in (self.english, self.german):
                assert "NVIDIA" in texts["config"]["step"][step]["description"]

    @pytest.mark.parametrize("platform", DESCRIPTIONS)
    def test_entities_have_names_and_states(self, platform: str) -> None:
        names = self.english["entity"].get(platform, {})
        keys = {item.translation_key for item in DESCRIPTIONS[platform] if item.translation_key}
        assert names.keys() == keys
        for item in DESCRIPTIONS[platform]:
            assert item.translation_key or item.device_class
            if getattr(item, "device_class", None) is SensorDeviceClass.ENUM:
                assert set(names[item.translation_key or ""]["state"]) == set(item.options)
            if platform == "event":
                types = names[item.translation_key or ""]["state_attributes"]["event_type"]["state"]
                assert set(types) == set(item.event_types)

    def test_exceptions_and_issues(self) -> None:
        keys = literals("translation_key") - {item.translation_key for items in DESCRIPTIONS.values() for item in items}
        source = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
        for key in self.english["exceptions"]:
            assert f'"{key}"' in source, f"nothing raises {key}"
        for key in keys:
            assert key in self.english["exceptions"], key
        for key, issue in self.english["issues"].items():
            assert f'"{key}"' in source
            assert ("fix_flow" in issue) != ("description" in issue)

    def test_actions_and_their_fields_are_described(self) -> None:
        declared = load_yaml_dict(str(INTEGRATION / "services.yaml"))
        assert declared.keys() == self.english["services"].keys() == {action.name for action in actions.ACTIONS}
        for action in actions.ACTIONS:
            texts, fields = self.english["services"][action.name], declared[action.name]["fields"]
            assert set(texts) == {"name", "description", "fields"}
            assert texts["fields"].keys() == fields.keys() == set(_fields(action.schema))
            for name, field in fields.items():
                assert set(texts["fields"][name]) == {"name", "description"}
                ((kind, selector),) = field["selector"].items()
                if kind == "select":
                    options = self.english["selector"][selector["translation_key"]]["options"]
                    assert set(selector["options"]) == set(options)
                required = {str(key) for key in _markers(action.schema) if isinstance(key, vol.Required)}
                assert field.get("required", False) == (name in required), (action.name, name)


def _markers(schema: Any) -> Iterator[Any]:
    """Give the keys of an action's schema, through what it is wrapped in."""
    if isinstance(schema, vol.Schema):
        yield from _markers(schema.schema)
    elif isinstance(schema, vol.All):
        for part in schema.validators:
            yield from _markers(part)
    elif isinstance(schema, dict):
        yield from schema


def _fields(schema: Any) -> Iterator[str]:
    return (str(key) for key in _markers(schema))


def _flow_errors() -> set[tuple[str, str]]:
    return set(_ERRORS.values())


class TestIcons:
    icons = load("icons.json")

    def test_every_icon(self) -> None:
        for path, name in leaves(self.icons):
            assert re.fullmatch(r"mdi:[a-z0-9-]+", name), path
        for entities in self.icons["entity"].values():
            for key, icon in entities.items():
                assert icon["default"], key
                assert icon["default"] not in icon.get("state", {}).values(), key

    def test_entities_have_icons(self) -> None:
        assert self.icons["services"].keys() == {action.name for action in actions.ACTIONS}
        for platform, items in DESCRIPTIONS.items():
            with_icons = self.icons["entity"].get(platform, {})
            assert with_icons.keys() == {item.translation_key for item in items if item.translation_key}


class TestQualityScale:
    rules = load_yaml_dict(str(INTEGRATION / "quality_scale.yaml"))["rules"]

    def test_all_rules_are_there(self) -> None:
        wanted = [rule for tier in RULES.values() for rule in tier.split()]
        assert len(wanted) == len(set(wanted)) == 54
        assert set(self.rules) == set(wanted)

    def test_each_claim_has_its_evidence(self) -> None:
        for rule, claim in self.rules.items():
            assert claim["status"] in {"done", "todo", "exempt"}, rule
            assert claim["comment"], rule
            if claim["status"] == "done":
                evidence = re.findall(r"tests/\S+\.py", claim["comment"])
                assert evidence, rule
                assert all((ROOT / path).is_file() for path in evidence), rule

    def test_platforms_say_how_much_they_do_at_once(self) -> None:
        for platform in PLATFORMS:
            source = (INTEGRATION / f"{platform}.py").read_text(encoding="utf-8")
            assert re.search(r"^PARALLEL_UPDATES = \d+$", source, re.MULTILINE)

    def test_common_modules(self) -> None:
        for name in ("coordinator.py", "entity.py", "py.typed", "diagnostics.py", "system_health.py", "repairs.py"):
            assert (INTEGRATION / name).is_file()


class TestBrand:
    @pytest.mark.parametrize("prefix", ["", "dark_"])
    @pytest.mark.parametrize(("suffix", "scale"), [("", 1), ("@2x", 2)])
    def test_pictures(self, prefix: str, suffix: str, scale: int) -> None:
        with Image.open(INTEGRATION / f"brand/{prefix}icon{suffix}.png") as icon:
            assert (icon.format, icon.size) == ("PNG", (256 * scale, 256 * scale))
            assert icon.getchannel("A").getextrema() == (0, 255)
        with Image.open(INTEGRATION / f"brand/{prefix}logo{suffix}.png") as logo:
            assert logo.format == "PNG"
            assert logo.height == 128 * scale
            assert logo.width > logo.height


class TestRepository:
    def test_hacs(self) -> None:
        hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
        assert hacs["name"] == "Home Sentry"
        assert hacs["homeassistant"] == "2026.10.0"
        allowed = "name content_in_root country filename hacs hide_default_branch homeassistant persistent_directory"
        assert set(hacs) <= {*allowed.split(), "render_readme", "zip_release"}
        assert [path.name for path in (ROOT / "custom_components").iterdir() if path.is_dir()] == ["home_sentry"]
        assert (ROOT / "info.md").is_file()

    def test_app_repository(self) -> None:
        repository = load_yaml_dict(str(ROOT / "repository.yaml"))
        assert repository["name"]
        assert repository.keys() <= {"name", "url", "maintainer"}

    def test_texts_live_in_translations(self) -> None:
        assert not (INTEGRATION / "strings.json").exists()
        assert {path.name for path in (INTEGRATION / "translations").iterdir()} >= {"en.json", "de.json"}
