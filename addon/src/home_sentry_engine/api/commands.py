"""What a client may ask over the WebSocket; the same reads and changes as over REST."""

from typing import Any, Final

from home_sentry_engine.contract import (
    CameraPage,
    DetectionDetailPage,
    EventPage,
    SceneChangeList,
    SceneReset,
    to_plain,
)
from home_sentry_engine.contract.errors import InvalidRequest, NotFound

from .access import COMMANDS, FORGOTTEN, Reach
from .caller import Caller
from .deeds import CommandRule, operating_rules, triage_rules
from .details import detail_of, detailed
from .fields import CAMERA_ID, EVENT_ID, read_object
from .guard import Guard
from .home_fields import REPORT_FIELDS, report_of
from .household_commands import household_rules
from .key_commands import key_rules
from .keys import Keys
from .limits import LimitClass
from .mask_commands import mask_rules
from .narrowing import Narrowing, seen
from .notification_commands import notification_rules
from .ports import Ports
from .prompt_commands import review_rules
from .routes.events import EVENT_FILTERS, event_query
from .routes.rejections import REJECTION_FILTERS, rejections
from .routes.scenes import updated
from .routes.search import SEARCH_FIELDS, found
from .routes.verdicts import reassessed
from .rule_commands import alert_rules, rule_rules
from .summary_commands import export_rules, property_rules, summary_rules
from .triage_fields import REVIEW_FIELDS, USER, review_of
from .zone_commands import zone_rules


class Commands:
    """All commands by name."""

    def __init__(self, ports: Ports, keys: Keys) -> None:
        """Take the ports and the keys."""
        self._ports = ports
        self._catalogue = ports.catalogue
        self._health = ports.health
        self._guard = Guard(ports.belongings)
        rules = (*self._own_rules(), *_desk_rules(ports, keys))
        self.rules: Final = {rule.name: rule for rule in rules}

    async def answer(self, name: str, args: dict[str, Any], caller: Caller) -> Any:
        """Run one command for a caller and give JSON values.

        Raises ``InvalidRequest``, ``Forbidden``, ``NotFound`` and what the ports raise.
        """
        rule = self.rules.get(name)
        if rule is None:
            raise InvalidRequest(f"there is no command '{name[:40]}'", details={"known": sorted(self.rules)})
        grant = COMMANDS.get(name, FORGOTTEN)
        self._guard.check_role(grant, caller)
        values = read_object(rule.fields, args)
        await self._guard.check_reach(grant, caller, values)
        if grant.reach is Reach.CUT:
            values["within"] = caller.within
        if "user" in values:
            values["user"] = caller.user(values["user"])
        found = await rule.answer(values)
        plain = None if found is None else to_plain(found)
        narrowing = await Narrowing.of(caller.cameras, self._catalogue)
        return plain if narrowing is None else narrowing.plain(plain)

    def audited(self, name: str) -> str | None:
        """Name the deed that a command is, None for one that changes nothing."""
        rule = self.rules.get(name)
        return rule.audited if rule is not None else None

    def limit(self, name: str) -> LimitClass | None:
        """Name the class of calls that a command is counted as besides all commands."""
        rule = self.rules.get(name)
        return rule.limit if rule is not None else None

    def _own_rules(self) -> tuple[CommandRule, ...]:
        return (
            CommandRule(name="ping", fields=(), answer=self._ping),
            CommandRule(name="get_info", fields=(), answer=self._info),
            CommandRule(name="get_status", fields=(), answer=self._status),
            CommandRule(name="list_cameras", fields=(), answer=self._cameras),
            CommandRule(name="get_camera", fields=(CAMERA_ID,), answer=self._camera),
            CommandRule(name="get_event", fields=(EVENT_ID,), answer=self._event),
            CommandRule(name="list_events", fields=EVENT_FILTERS, answer=self._events),
            CommandRule(name="search_events", fields=SEARCH_FIELDS, answer=self._search, limit=LimitClass.SEARCH),
            CommandRule(name="list_rejections", fields=REJECTION_FILTERS, answer=self._rejections),
            CommandRule(name="list_event_detections", fields=(EVENT_ID,), answer=self._detections),
            CommandRule(
                name="review_event", fields=(EVENT_ID, *REVIEW_FIELDS), answer=self._review, audited="event.review"
            ),
            CommandRule(
                name="acknowledge_scene", fields=(CAMERA_ID,), answer=self._acknowledge, audited="scene.acknowledge"
            ),
            CommandRule(name="update_scene", fields=(CAMERA_ID,), answer=self._update_scene, audited="scene.update"),
            CommandRule(name="reset_scene", fields=(CAMERA_ID,), answer=self._reset_scene, audited="scene.reset"),
            CommandRule(
                name="finish_learning", fields=(CAMERA_ID,), answer=self._finish, audited="camera.finish_learning"
            ),
            CommandRule(name="get_learning", fields=(CAMERA_ID,), answer=self._learned),
            CommandRule(name="report_home", fields=REPORT_FIELDS, answer=self._report_home),
            CommandRule(
                name="reassess_event",
                fields=(EVENT_ID, USER),
                answer=self._reassess,
                audited="event.reassess",
                limit=LimitClass.AI,
            ),
        )

    async def _ping(self, _args: dict[str, Any]) -> object:
        return None

    async def _info(self, _args: dict[str, Any]) -> object:
        return await self._health.info()

    async def _status(self, args: dict[str, Any]) -> object:
        narrowing = await Narrowing.of(args["within"], self._catalogue)
        status = await self._health.status()
        return status if narrowing is None else narrowing.status(status)

    async def _cameras(self, args: dict[str, Any]) -> object:
        cameras = seen(args["within"], await self._catalogue.cameras())
        return CameraPage(items=cameras, total=len(cameras))

    async def _camera(self, args: dict[str, Any]) -> object:
        return _found(await self._catalogue.camera(args["camera_id"]), "camera")

    async def _event(self, args: dict[str, Any]) -> object:
        event = _found(await self._catalogue.event(args["event_id"]), "event")
        story = await self._ports.triage.story(event.event_id)
        return detail_of(event, await self._catalogue.enrichment(event.event_id), story)

    async def _events(self, args: dict[str, Any]) -> object:
        page = await self._catalogue.events_page(event_query(args))
        return EventPage(items=page.items, next_cursor=page.next_cursor, total=page.total)

    async def _search(self, args: dict[str, Any]) -> object:
        return await found(self._catalogue, args)

    async def _rejections(self, args: dict[str, Any]) -> object:
        return await rejections(self._catalogue, args)

    async def _detections(self, args: dict[str, Any]) -> object:
        event = _found(await self._catalogue.event(args["event_id"]), "event")
        detections = await self._catalogue.event_detections(event.event_id)
        items = detailed(detections, await self._catalogue.enrichment(event.event_id))
        return DetectionDetailPage(items=items, total=len(items))

    async def _review(self, args: dict[str, Any]) -> object:
        return _found(await self._ports.triage.review(args["event_id"], review_of(args)), "event")

    async def _reassess(self, args: dict[str, Any]) -> object:
        return await reassessed(self._ports.verdicts, args["event_id"])

    async def _acknowledge(self, args: dict[str, Any]) -> object:
        return SceneChangeList(items=_found(await self._ports.scenes.acknowledge_camera(args["camera_id"]), "camera"))

    async def _update_scene(self, args: dict[str, Any]) -> object:
        return await updated(self._ports.scenes, args["camera_id"])

    async def _reset_scene(self, args: dict[str, Any]) -> object:
        return SceneReset(forgotten=_found(await self._ports.scenes.reset(args["camera_id"]), "camera"))

    async def _finish(self, args: dict[str, Any]) -> object:
        return _found(await self._ports.learning.finish(args["camera_id"]), "camera")

    async def _learned(self, args: dict[str, Any]) -> object:
        return _found(await self._ports.learning.learned(args["camera_id"]), "camera")

    async def _report_home(self, args: dict[str, Any]) -> object:
        return await self._ports.home.take(report_of(args))


def _found[T](thing: T | None, noun: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {noun}")
    return thing


def _desk_rules(ports: Ports, keys: Keys) -> tuple[CommandRule, ...]:
    return (
        *triage_rules(ports.triage),
        *rule_rules(ports.rules),
        *alert_rules(ports.alerts),
        *operating_rules(ports.parts, ports.queues),
        *household_rules(ports.household),
        *zone_rules(ports.places),
        *mask_rules(ports.masks),
        *review_rules(ports.review),
        *notification_rules(ports.notifications),
        *summary_rules(ports.summaries),
        *export_rules(ports.exports),
        *property_rules(ports.properties),
        *key_rules(keys),
    )
