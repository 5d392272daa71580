"""Every family of REST operations, in one table."""

from collections.abc import Callable
from dataclasses import dataclass

from home_sentry_engine.telemetry.metrics import Registry

from .bodies import BodyReader
from .keys import Keys
from .pictures import PictureShelf
from .ports import Ports
from .routes.alerts import AlertRoutes
from .routes.analyze import AnalyzeRoutes
from .routes.cameras import CameraRoutes
from .routes.changes import ChangeRoutes
from .routes.clips import ClipRoutes
from .routes.detect import DetectRoutes
from .routes.enrich import EnrichRoutes
from .routes.entities import EntityRoutes
from .routes.evaluation import EvaluationRoutes
from .routes.events import EventRoutes
from .routes.exports import ExportRoutes
from .routes.home import HomeRoutes
from .routes.household import HouseholdRoutes
from .routes.keys import KeyRoutes
from .routes.load import LoadRoutes
from .routes.masks import MaskRoutes
from .routes.media import MediaRoutes
from .routes.models import ModelRoutes
from .routes.notifications import NotificationRoutes
from .routes.places import PlaceRoutes
from .routes.prompts import PromptRoutes
from .routes.properties import PropertyRoutes
from .routes.queues import QueueRoutes
from .routes.rejections import RejectionRoutes
from .routes.rules import RuleRoutes
from .routes.scenes import SceneRoutes
from .routes.search import SearchRoutes
from .routes.state import StateRoutes
from .routes.summaries import SummaryRoutes
from .routes.system import SystemRoutes
from .routes.triage import TriageRoutes
from .routes.upkeep import UpkeepRoutes
from .routes.verdicts import VerdictRoutes
from .routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What operations are made with besides the ports; ``document`` gives the OpenAPI document of all of them."""

    bodies: BodyReader
    shelf: PictureShelf
    metrics: Registry
    keys: Keys
    document: Callable[[], dict[str, object]]


def families(ports: Ports, tools: Tools) -> tuple[Route, ...]:
    """Declare every operation but the WebSocket."""
    bodies, shelf = tools.bodies, tools.shelf
    return (
        *StateRoutes(ports.health, ports.catalogue, tools.metrics, tools.document).routes(),
        *CameraRoutes(ports.catalogue, ports.pictures, ports.uploads, bodies).routes(),
        *MediaRoutes(ports.catalogue, ports.pictures, shelf).routes(),
        *ClipRoutes(ports.clips).routes(),
        *RejectionRoutes(ports.catalogue).routes(),
        *EventRoutes(ports.catalogue, ports.triage, ports.pictures, shelf, bodies).routes(),
        *SearchRoutes(ports.catalogue).routes(),
        *TriageRoutes(ports.triage, bodies).routes(),
        *RuleRoutes(ports.rules, bodies).routes(),
        *AlertRoutes(ports.alerts, bodies).routes(),
        *VerdictRoutes(ports.verdicts).routes(),
        *PlaceRoutes(ports.places, bodies).routes(),
        *MaskRoutes(ports.masks, bodies, shelf).routes(),
        *SceneRoutes(ports.scenes).routes(),
        *HomeRoutes(ports.home, ports.learning, bodies).routes(),
        *EntityRoutes(ports.entities, bodies).routes(),
        *HouseholdRoutes(ports.household, bodies).routes(),
        *AnalyzeRoutes(ports.analyzer, bodies).routes(),
        *DetectRoutes(ports.eyes, bodies).routes(),
        *EnrichRoutes(ports.enricher, bodies).routes(),
        *ModelRoutes(ports.models, bodies).routes(),
        *PromptRoutes(ports.review.prompts, bodies).routes(),
        *EvaluationRoutes(ports.review.evaluations, bodies).routes(),
        *QueueRoutes(ports.queues).routes(),
        *SystemRoutes(ports.parts, ports.audit).routes(),
        *UpkeepRoutes(ports.upkeep).routes(),
        *LoadRoutes(ports.load).routes(),
        *ChangeRoutes(ports.registry, ports.keys, bodies).routes(),
        *KeyRoutes(tools.keys, bodies).routes(),
        *NotificationRoutes(ports.notifications, bodies).routes(),
        *SummaryRoutes(ports.summaries, bodies).routes(),
        *ExportRoutes(ports.exports, bodies).routes(),
        *PropertyRoutes(ports.properties, bodies).routes(),
    )
