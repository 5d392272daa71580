"""Fix flows: look again after the user has done what the issue asks for; deal with jobs that were given up."""

from collections.abc import Awaitable, Callable

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import probatio as vol

from .const import DOMAIN
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .dead_letters import async_clear, async_requeue
from .issues import issue_id as id_of_issue


class LookAgain(RepairsFlow):
    """Reloads the entry once the user says that the cause is gone; a cause that is still there shows again."""

    def __init__(self, entry_id: str) -> None:
        """Remember which entry to reload."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Go straight to the question."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask once, then reload."""
        if user_input is not None:
            self.hass.config_entries.async_schedule_reload(self._entry_id)
            return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders=issue.translation_placeholders if issue else None,
        )


class GivenUpJobs(RepairsFlow):
    """Puts given-up jobs back or deletes them, as the user chooses."""

    def __init__(self, entry_id: str) -> None:
        """Remember whose jobs they are."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Let the user choose."""
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_menu(
            step_id="init",
            menu_options=["requeue", "clear"],
            description_placeholders=issue.translation_placeholders if issue else None,
        )

    async def async_step_requeue(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Put all of them back; those for which there is no room stay."""

        async def requeue(coordinator: HomeSentryCoordinator) -> bool:
            return (await async_requeue(coordinator)).remaining == 0

        return await self._do(requeue)

    async def async_step_clear(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Delete all of them for good."""

        async def clear(coordinator: HomeSentryCoordinator) -> bool:
            await async_clear(coordinator)
            return True

        return await self._do(clear)

    async def _do(self, work: Callable[[HomeSentryCoordinator], Awaitable[bool]]) -> RepairsFlowResult:
        entry: HomeSentryConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_connected")
        try:
            all_done = await work(entry.runtime_data)
        except HomeAssistantError as err:
            return self.async_abort(reason="failed", description_placeholders={"reason": str(err)})
        return self.async_create_entry(data={}) if all_done else self.async_abort(reason="some_remain")


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Give the flow for an issue of an entry."""
    assert data is not None
    entry_id = str(data["entry_id"])
    return GivenUpJobs(entry_id) if issue_id == id_of_issue("dead_letters", entry_id) else LookAgain(entry_id)
