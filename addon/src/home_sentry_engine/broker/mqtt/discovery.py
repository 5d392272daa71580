"""How Home Assistant learns of the topics by itself: one retained configuration for each device, without I/O.

The form is device discovery of its MQTT integration: ``homeassistant/device/<object_id>/config``.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from home_sentry_engine.contract import VERSION, Camera, CameraStatus, EventChange, Mode, ObjectGroup, RiskLevel

from .posts import OFFLINE, ONLINE, Post, Topics, segment

_ROOT: Final = "homeassistant/device"
_MAKER: Final = "Home Sentry"
_LONGEST_STATE: Final = 255
_PRESENT: Final = (ObjectGroup.PERSON, ObjectGroup.VEHICLE, ObjectGroup.ANIMAL)

type Entity = dict[str, Any]


class Discovery:
    """Configurations of one engine, told apart from others on the same broker by ``instance_id``."""

    def __init__(self, topics: Topics, *, instance_id: str, name: str) -> None:
        """Take where the states are found and who tells them."""
        self._topics = topics
        self._name = name
        self._engine = f"home_sentry_{segment(instance_id)}"

    def engine(self) -> Post:
        """Describe the engine."""
        topics = self._topics
        entities = {
            "mode": {
                **_enum("Mode", Mode),
                **_from(topics.status, "value_json.mode"),
                "json_attributes_topic": topics.status,
                "entity_category": "diagnostic",
            },
            "silent": {
                **_switch("Cameras silent together", "problem"),
                **_from(topics.silent, "'ON' if value_json.cameras else 'OFF'"),
                "json_attributes_topic": topics.silent,
            },
        }
        return self._config(self._engine, {"name": self._name, "model": "Engine"}, entities)

    def camera(self, camera: Camera) -> Post:
        """Describe a camera."""
        state, risk = self._topics.state(camera.id), self._topics.risk(camera.id)
        entities = {
            "status": {
                **_enum("Status", CameraStatus),
                **_from(state, "value_json.status"),
                "json_attributes_topic": state,
                "entity_category": "diagnostic",
            },
            "tampered": {
                **_switch("Tampering", "tamper"),
                **_from(state, "'ON' if value_json.tampered else 'OFF'"),
            },
            "risk_score": {
                "platform": "sensor",
                "name": "Risk score",
                "state_class": "measurement",
                **_from(risk, "value_json.score"),
                "json_attributes_topic": risk,
            },
            "risk_level": {**_enum("Risk level", RiskLevel), **_from(risk, "value_json.level")},
            "summary": {
                "platform": "sensor",
                "name": "Summary",
                **_from(risk, f"value_json.summary[:{_LONGEST_STATE}]"),
            },
            **{
                group.value: {
                    **_switch(group.value.capitalize(), "occupancy"),
                    **_from(risk, f"'ON' if '{group}' in value_json.present else 'OFF'"),
                }
                for group in _PRESENT
            },
            "event": {
                "platform": "event",
                "name": "Event",
                "event_types": [change.value for change in EventChange],
                "state_topic": self._topics.event(camera.id),
            },
        }
        device = {"name": camera.name, "model": "Camera", "via_device": self._engine}
        return self._config(self._object(camera.id), device, entities)

    def cleared(self, camera_id: str) -> Post:
        """Take a camera's configuration back, and with it its entities."""
        return Post(topic=_topic(self._object(camera_id)), payload=b"", retained=True)

    def _object(self, camera_id: str) -> str:
        return f"{self._engine}_{segment(camera_id)}"

    def _config(self, object_id: str, device: dict[str, str], entities: dict[str, Entity]) -> Post:
        config = {
            "device": {"identifiers": [object_id], "manufacturer": _MAKER, "sw_version": VERSION, **device},
            "origin": {"name": _MAKER, "sw_version": VERSION},
            "availability_topic": self._topics.availability,
            "payload_available": ONLINE.decode(),
            "payload_not_available": OFFLINE.decode(),
            "qos": 1,
            "components": {name: {**entity, "unique_id": f"{object_id}_{name}"} for name, entity in entities.items()},
        }
        return Post(topic=_topic(object_id), payload=orjson.dumps(config), retained=True)


def _topic(object_id: str) -> str:
    return f"{_ROOT}/{object_id}/config"


def _enum(name: str, words: Iterable[str]) -> Entity:
    return {"platform": "sensor", "name": name, "device_class": "enum", "options": [str(word) for word in words]}


def _switch(name: str, device_class: str) -> Entity:
    return {"platform": "binary_sensor", "name": name, "device_class": device_class}


def _from(topic: str, expression: str) -> Entity:
    return {"state_topic": topic, "value_template": f"{{{{ {expression} }}}}"}
