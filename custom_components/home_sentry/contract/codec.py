"""JSON codec of the wire: orjson underneath, mashumaro for the shapes, unknown fields and types tolerated."""

from collections.abc import Callable
from functools import lru_cache
import logging
from typing import Any, Final

from mashumaro.codecs.orjson import ORJSONDecoder, ORJSONEncoder
from mashumaro.exceptions import InvalidFieldValue, MissingField, SuitableVariantNotFoundError
import orjson

from . import messages
from .errors import InvalidRequest

_LOGGER = logging.getLogger(__name__)

_SERVER: Final[dict[str, type]] = {
    "hello": messages.Hello,
    "auth_failed": messages.AuthFailed,
    "snapshot": messages.Snapshot,
    "resync": messages.Resync,
    "event_created": messages.EventCreated,
    "event_updated": messages.EventUpdated,
    "detections_added": messages.DetectionsAdded,
    "batch_closed": messages.BatchClosed,
    "camera_changed": messages.CameraChanged,
    "camera_removed": messages.CameraRemoved,
    "scene_change": messages.SceneChanged,
    "cameras_silent": messages.CamerasSilent,
    "summary_update": messages.SummaryUpdate,
    "alert_created": messages.AlertCreated,
    "alert_updated": messages.AlertUpdated,
    "system_status": messages.SystemStatus,
    "service_status": messages.ServiceStatus,
    "infrastructure_alert": messages.InfrastructureAlert,
    "performance_update": messages.PerformanceUpdate,
    "model_progress": messages.ModelProgress,
    "result": messages.Result,
    "bye": messages.Bye,
}
_CLIENT: Final[dict[str, type]] = {
    "auth": messages.Auth,
    "subscribe": messages.Subscribe,
    "ack": messages.Ack,
    "command": messages.Command,
}


@lru_cache(maxsize=256)
def _encoder(shape: type) -> Callable[[Any], bytes]:
    return ORJSONEncoder(shape).encode


@lru_cache(maxsize=256)
def _decoder(shape: type) -> Callable[[Any], Any]:
    return ORJSONDecoder(shape).decode


def encode(value: object) -> bytes:
    """Serialise one message or record to UTF-8 JSON."""
    return _encoder(type(value))(value)  # type: ignore[arg-type]  # mypy takes no type for hashable


def to_plain(value: object) -> Any:
    """Turn a message or record into JSON values (dict, list, str, number, bool, None)."""
    return orjson.loads(encode(value))


def decode[T](shape: type[T], data: bytes | str) -> T:
    """Parse JSON into ``shape``; raises ``InvalidRequest`` naming the field that does not fit."""
    try:
        return _decoder(shape)(data)  # type: ignore[arg-type,no-any-return]
    except orjson.JSONDecodeError as err:
        raise InvalidRequest(f"not valid JSON: {err.msg}") from err
    except MissingField as err:
        raise InvalidRequest(f"field '{err.field_name}' is missing", details={"field": err.field_name}) from err
    except InvalidFieldValue as err:
        raise InvalidRequest(f"field '{err.field_name}' has the wrong type", details={"field": err.field_name}) from err
    except (SuitableVariantNotFoundError, TypeError, ValueError, AttributeError, KeyError) as err:
        raise InvalidRequest(f"does not have the shape of {shape.__name__}") from err


def from_plain[T](shape: type[T], value: object) -> T:
    """Parse JSON values into ``shape``; raises ``InvalidRequest``."""
    return decode(shape, orjson.dumps(value))


def _tagged(data: bytes | str, shapes: dict[str, type]) -> Any:
    try:
        head = orjson.loads(data)
    except orjson.JSONDecodeError as err:
        raise InvalidRequest(f"not valid JSON: {err.msg}") from err
    if not isinstance(head, dict) or not isinstance(head.get("type"), str):
        raise InvalidRequest("a message is a JSON object with a string 'type'", details={"field": "type"})
    shape = shapes.get(head["type"])
    return None if shape is None else decode(shape, data)


def decode_server(data: bytes | str) -> messages.ServerMessage | None:
    """Parse what a server sent; an unknown type gives None and one log line."""
    message: messages.ServerMessage | None = _tagged(data, _SERVER)
    if message is None:
        _LOGGER.info("Skipped a message of a type that this version does not know")
    return message


def decode_client(data: bytes | str) -> messages.ClientMessage | None:
    """Parse what a client sent; an unknown type gives None and one log line."""
    message: messages.ClientMessage | None = _tagged(data, _CLIENT)
    if message is None:
        _LOGGER.info("Skipped a message of a client of a type that this version does not know")
    return message
