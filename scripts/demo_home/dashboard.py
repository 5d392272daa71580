"""A dashboard of Home Assistant made from the integration's entities."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from .errors import DemoError
from .home_assistant import Home

_URL_PATH: Final = "home-sentry"
_LOOK_EVERY_S: Final = 3.0
_HOUSE_TILES: Final = ("house_risk_level", "house_risk_score", "mode", "detector", "llm")
_CAMERA_TILES: Final = (
    "risk_level",
    "risk_score",
    "person",
    "vehicle",
    "animal",
    "events_today",
    "security_event",
    "detection",
)


async def keep_dashboard(home: Home, instance_id: str, cameras: Mapping[str, str]) -> None:
    """Lay out the dashboard anew whenever another of these cameras (name by id) got its entities."""
    await _make(home)
    laid_out: frozenset[str] = frozenset()
    while len(laid_out) < len(cameras):
        entities = await home.entities()
        present = frozenset(camera for camera in cameras if f"{instance_id}_{camera}_last_event" in entities)
        if present - laid_out or not laid_out:
            shown = {camera: name for camera, name in cameras.items() if camera in present}
            await _save(home, layout(entities, instance_id, shown))
            laid_out = present
        await asyncio.sleep(_LOOK_EVERY_S)


def layout(entities: Mapping[str, str], instance_id: str, cameras: Mapping[str, str]) -> dict[str, Any]:
    """Give the configuration of a dashboard with one section for the house and one for each camera."""
    house = _present(entities, {key: f"{instance_id}_{key}" for key in _HOUSE_TILES})
    sections = [_house(house)]
    for camera_id, name in cameras.items():
        keys = {key: f"{instance_id}_{camera_id}_{key}" for key in (*_CAMERA_TILES, "last_event", "last_summary")}
        sections.append(_camera(name, _present(entities, keys)))
    return {
        "title": "Home Sentry",
        "views": [
            {
                "title": "Home Sentry",
                "path": "home-sentry",
                "icon": "mdi:shield-home",
                "type": "sections",
                "max_columns": 3,
                "sections": sections,
            }
        ],
    }


def _present(entities: Mapping[str, str], unique_ids: Mapping[str, str]) -> dict[str, str]:
    return {key: entities[unique_id] for key, unique_id in unique_ids.items() if unique_id in entities}


def _house(entities: Mapping[str, str]) -> dict[str, Any]:
    cards = [_tile(entity_id) for entity_id in entities.values()]
    if score := entities.get("house_risk_score"):
        cards.append(_graph("Risk in the last hour", [score]))
    return {"type": "grid", "cards": [_heading("House", "mdi:home"), *cards]}


def _camera(name: str, entities: Mapping[str, str]) -> dict[str, Any]:
    cards = [_heading(name, "mdi:cctv")]
    if picture := entities.get("last_event"):
        cards.append(
            {
                "type": "picture-entity",
                "entity": picture,
                "show_name": False,
                "show_state": False,
                "grid_options": {"columns": "full"},
            }
        )
    if summary := entities.get("last_summary"):
        cards.append({"type": "markdown", "content": f"{{{{ states('{summary}') }}}}"})
    cards += [_tile(entities[key], name) for key in _CAMERA_TILES if key in entities]
    if score := entities.get("risk_score"):
        cards.append(_graph("Risk in the last hour", [score]))
    return {"type": "grid", "cards": cards}


def _heading(text: str, icon: str) -> dict[str, Any]:
    return {"type": "heading", "heading": text, "icon": icon}


def _tile(entity_id: str, device: str | None = None) -> dict[str, Any]:
    # the section's heading names the camera already
    return {"type": "tile", "entity": entity_id} | ({"name": {"type": "entity"}} if device else {})


def _graph(title: str, entity_ids: list[str]) -> dict[str, Any]:
    return {
        "type": "history-graph",
        "title": title,
        "hours_to_show": 1,
        "entities": entity_ids,
        "grid_options": {"columns": "full"},
    }


async def _make(home: Home) -> None:
    (dashboards,) = await home.ask({"type": "lovelace/dashboards/list"})
    if any(one["url_path"] == _URL_PATH for one in dashboards):
        return
    await home.ask(
        {
            "type": "lovelace/dashboards/create",
            "url_path": _URL_PATH,
            "title": "Home Sentry",
            "icon": "mdi:shield-home",
            "mode": "storage",
        },
        {"type": "frontend/set_system_data", "key": "core", "value": {"default_panel": _URL_PATH}},
    )


async def _save(home: Home, config: Mapping[str, Any]) -> None:
    try:
        await home.ask({"type": "lovelace/config/save", "config": config, "url_path": _URL_PATH})
    except (DemoError, OSError) as err:
        raise DemoError(f"Home Assistant did not take the dashboard: {err}") from err
