"""The repositories of everything that is stored."""

from dataclasses import dataclass, field

from home_sentry_engine.broker.queue import Queue
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.activity import Activity
from home_sentry_engine.storage.repositories.alerts import AlertEvaluations
from home_sentry_engine.storage.repositories.assessments import Assessments
from home_sentry_engine.storage.repositories.audit import Audit
from home_sentry_engine.storage.repositories.batches import Batches
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.components import Components
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.enrichments import Enrichments
from home_sentry_engine.storage.repositories.entities import Entities, Recognitions
from home_sentry_engine.storage.repositories.evaluations import Evaluations
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.exports import Exports
from home_sentry_engine.storage.repositories.household import Household
from home_sentry_engine.storage.repositories.masks import MaskRows
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.notes import FactRows, PlateReads
from home_sentry_engine.storage.repositories.outbox import Outbox
from home_sentry_engine.storage.repositories.prompts import Prompts, ShadowRuns
from home_sentry_engine.storage.repositories.properties import Properties
from home_sentry_engine.storage.repositories.reassessments import Reassessments
from home_sentry_engine.storage.repositories.resting import RestingRows
from home_sentry_engine.storage.repositories.rhythm import Rhythm
from home_sentry_engine.storage.repositories.scenes import Scenes
from home_sentry_engine.storage.repositories.summaries import Summaries
from home_sentry_engine.storage.repositories.traces import TraceRows
from home_sentry_engine.storage.repositories.watching import CameraStates, Deliveries, Spells
from home_sentry_engine.storage.repositories.zones import Zones

from .alert_parts import AlertParts
from .home import HomeRows
from .queues import QueueFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The repositories and the queue that share one database, and the figures of the queue."""

    cameras: Cameras
    media: MediaFiles
    detections: Detections
    batches: Batches
    events: Events
    assessments: Assessments
    outbox: Outbox
    queue: Queue[Connection]
    queues: QueueFigures
    reassessments: Reassessments
    components: Components
    audit: Audit
    zones: Zones
    masks: MaskRows
    activity: Activity
    resting: RestingRows
    scenes: Scenes
    traces: TraceRows
    household: Household
    enrichments: Enrichments
    entities: Entities
    recognitions: Recognitions
    facts: FactRows
    plates: PlateReads
    rhythm: Rhythm = field(default_factory=Rhythm)
    home: HomeRows = field(default_factory=HomeRows)
    alerts: AlertEvaluations = field(default_factory=AlertEvaluations)
    alerting: AlertParts = field(default_factory=AlertParts)
    states: CameraStates = field(default_factory=CameraStates)
    spells: Spells = field(default_factory=Spells)
    deliveries: Deliveries = field(default_factory=Deliveries)
    summaries: Summaries = field(default_factory=Summaries)
    exports: Exports = field(default_factory=Exports)
    properties: Properties = field(default_factory=Properties)
    prompts: Prompts = field(default_factory=Prompts)
    shadow_runs: ShadowRuns = field(default_factory=ShadowRuns)
    evaluations: Evaluations = field(default_factory=Evaluations)
