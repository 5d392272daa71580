"""Repair issues that follow the engine's state: each is actionable, and each goes when its cause has gone."""

from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .client import ClientError, ConnectionState, Incompatible, WrongEngine
from .const import DOMAIN
from .contract import Component, ComponentState, Info, Status

_ILL: Final = {ComponentState.DEGRADED, ComponentState.UNHEALTHY, ComponentState.FAILED}
_CHANNEL: Final = "notify:"
_CONNECTION: Final = ("engine_too_old", "integration_too_old", "wrong_engine")
_FIXABLE: Final = {*_CONNECTION, "dead_letters"}


def issue_id(key: str, entry_id: str) -> str:
    """Give the id of an entry's issue."""
    return f"{key}_{entry_id}"


class Issues:
    """Issues of one config entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Start without issues."""
        self._hass = hass
        self._entry = entry
        self._components: dict[str, tuple[str | None, str | None]] = {}
        self._dead = 0
        self._broken: dict[str, str] = {}

    @callback
    def connection(self, state: ConnectionState, error: ClientError | None) -> None:
        """Show why the engine cannot be used where the user can do something about it."""
        current: str | None = None
        placeholders: dict[str, str] = {}
        match error:
            case Incompatible(engine_is_older=older):
                current = "engine_too_old" if older else "integration_too_old"
                placeholders = {"version": error.engine_version}
            case WrongEngine():
                current, placeholders = "wrong_engine", {"url": self._entry.data[CONF_URL]}
            case _ if state is not ConnectionState.CONNECTED:
                return
            case _:
                pass
        for key in _CONNECTION:
            if key == current:
                self._create(key, key, {"name": self._entry.title, **placeholders})
            else:
                ir.async_delete_issue(self._hass, DOMAIN, issue_id(key, self._entry.entry_id))

    @callback
    def components(self, status: Status | None) -> None:
        """Show each part of the engine that is ill and says how to cure it."""
        ill = {part.id: part for part in (status.components if status else ()) if part.state in _ILL and part.fix}
        for part_id in self._components.keys() - ill.keys():
            del self._components[part_id]
            ir.async_delete_issue(self._hass, DOMAIN, self._component_issue(part_id))
        for part in ill.values():
            if self._components.get(part.id) != (part.reason, part.fix):
                self._components[part.id] = (part.reason, part.fix)
                self._create_component(part)

    @callback
    def dead_letters(self, status: Status | None) -> None:
        """Show how many jobs were given up, for as long as there are any."""
        dead = sum(queue.dead for queue in status.queues) if status else 0
        if dead == self._dead:
            return
        self._dead = dead
        if dead:
            self._create("dead_letters", "dead_letters", {"name": self._entry.title, "count": str(dead)})
        else:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id("dead_letters", self._entry.entry_id))

    @callback
    def broken_rules(self, status: Status | None) -> None:
        """Show which rules of alerts cannot hold and why, for as long as there are any."""
        broken = status.broken_rules if status else {}
        if broken == self._broken:
            return
        self._broken = broken
        if broken:
            rules = "\n".join(f"- {name}: {reason}" for name, reason in sorted(broken.items()))
            self._create("broken_rules", "broken_rules", {"name": self._entry.title, "rules": rules})
        else:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id("broken_rules", self._entry.entry_id))

    @callback
    def insecure(self, info: Info | None) -> None:
        """Remind of an engine that speaks to other machines without encryption, for as long as it does."""
        if info is not None and info.insecure:
            self._create("insecure", "insecure", {"name": self._entry.title, "url": self._entry.data[CONF_URL]})
        else:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id("insecure", self._entry.entry_id))

    @callback
    def clear(self) -> None:
        """Remove all issues of the entry, those of an earlier run included."""
        self._components.clear()
        self._broken = {}
        for domain, key in list(ir.async_get(self._hass).issues):
            if domain == DOMAIN and key.endswith(f"_{self._entry.entry_id}"):
                ir.async_delete_issue(self._hass, domain, key)

    def _component_issue(self, part_id: str) -> str:
        return issue_id(f"component_{part_id}", self._entry.entry_id)

    def _create_component(self, part: Component) -> None:
        placeholders = {
            "name": self._entry.title,
            "component": part.id,
            "reason": part.reason or part.state.value,
            "fix": part.fix or "",
        }
        kind = "component"
        if part.id.startswith(_CHANNEL):
            kind, placeholders["channel"] = "undeliverable", str(part.details.get("name") or part.id)
        self._create(f"component_{part.id}", kind, placeholders)

    def _create(self, key: str, translation_key: str, placeholders: dict[str, str]) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(key, self._entry.entry_id),
            is_fixable=translation_key in _FIXABLE,
            severity=ir.IssueSeverity.ERROR if translation_key in _CONNECTION else ir.IssueSeverity.WARNING,
            translation_key=translation_key,
            translation_placeholders=placeholders,
            data={"entry_id": self._entry.entry_id},
        )
