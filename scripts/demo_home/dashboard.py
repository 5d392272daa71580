"""A dashboard of Home Assistant made from the integration's entities."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .errors import DemoError
from .home_assistant import Home

_URL_PATH: Final = "home-sentry"
_SUMMARY: Final = "{{ states('ENTITY') if has_value('ENTITY') else 'Nothing has happened yet.' }}"
_LOOK_EVERY_S: Final = 3.0
_HOUSE_TILES: Final = ("house_risk_level", "house_risk_score", "mode", "queue_depth", "detector", "llm")
_CAMERA_TILES: Final = (
    "risk_level",
    "risk_score",
    "person",
    "vehicle",
    "animal",
    "events_today",
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
    tiles = _present(entities, [f"{instance_id}_{key}" for key in _HOUSE_TILES])
    scores = _present(entities, [f"{instance_id}_{camera_id}_risk_score" for camera_id in cameras])
    told = _present(entities, [f"{instance_id}_{camera_id}_security_event" for camera_id in cameras])
    sections = [_house(tiles, scores, told)]
    for camera_id, name in cameras.items():
        sections.append(_camera(name, entities, f"{instance_id}_{camera_id}"))
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


def _present(entities: Mapping[str, str], unique_ids: Sequence[str]) -> list[str]:
    return [entities[unique_id] for unique_id in unique_ids if unique_id in entities]


def _house(tiles: Sequence[str], scores: Sequence[str], told: Sequence[str]) -> dict[str, Any]:
    wide = {"grid_options": {"columns": "full"}}
    cards = [_heading("House", "mdi:home"), *(_tile(entity_id) for entity_id in tiles)]
    if scores:
        cards.append(
            {"type": "history-graph", "title": "Risk", "hours_to_show": 1, "entities": list(scores), **wide},
        )
    if told:
        cards.append(
            {"type": "logbook", "title": "Events", "hours_to_show": 1, "target": {"entity_id": list(told)}, **wide}
        )
    return {"type": "grid", "cards": cards}


def _camera(name: str, entities: Mapping[str, str], prefix: str) -> dict[str, Any]:
    cards = [_heading(name, "mdi:cctv")]
    if picture := entities.get(f"{prefix}_last_event"):
        cards.append(
            {
                "type": "picture-entity",
                "entity": picture,
                "show_name": False,
                "show_state": False,
                "grid_options": {"columns": "full"},
            }
        )
    if summary := entities.get(f"{prefix}_last_summary"):
        cards.append({"type": "markdown", "content": _SUMMARY.replace("ENTITY", summary)})
    cards += [_tile(entity_id) for entity_id in _present(entities, [f"{prefix}_{key}" for key in _CAMERA_TILES])]
    return {"type": "grid", "cards": cards}


def _heading(text: str, icon: str) -> dict[str, Any]:
    return {"type": "heading", "heading": text, "icon": icon}


def _tile(entity_id: str) -> dict[str, Any]:
    # the section's heading names the device already
    return {"type": "tile", "entity": entity_id, "name": {"type": "entity"}}


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
