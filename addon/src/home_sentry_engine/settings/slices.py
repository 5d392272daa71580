"""The settings as frozen slices, one for each room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from home_sentry_engine.domain.batch import BatchRules
from home_sentry_engine.domain.enrichment import USUAL_VISION_TASKS
from home_sentry_engine.domain.labels import SECURITY_CLASSES
from home_sentry_engine.domain.risk import Bands


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """Where files come from and what may enter."""

    camera_root: Path
    auto_create_cameras: bool = True
    polling: bool = False
    polling_interval_s: float = 1.0
    sweep_interval_s: float = 5.0
    debounce_s: float = 0.5
    stable_s: float = 2.0
    stable_poll_s: float = 0.5
    stable_polls: int = 20
    stable_give_up_s: float = 600.0
    incomplete_quiet_s: float = 60.0
    min_image_bytes: int = 1024
    min_video_bytes: int = 1024
    max_file_bytes: int = 50 * 1024 * 1024
    max_video_bytes: int = 2 * 1024 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_scans: int = 20
    check_timeout_s: float = 30.0
    catch_up_h: float = 24.0
    dedupe_ttl_s: float = 300.0
    frame_interval_s: float = 4.0
    max_frames: int = 20
    adaptive_frames: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    """Which detector looks and what it reports; ``detector`` is a card id or ``auto``.

    ``box_rules`` narrow what counts by camera, then class, as ``context.boxes.BoxFilter`` has it. ``second_look`` looks
    at parts of large pictures again where the first look was not sure. With ``url`` a server looks instead.
    """

    detector: str = "auto"
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    provider: str = "auto"
    confidence: float = 0.5
    camera_confidence: Mapping[str, float] = field(default_factory=dict)
    box_rules: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    second_look: bool = True
    quality_check: bool = True
    classes: frozenset[str] = SECURITY_CLASSES
    same_box_iou: float = 0.8
    min_box_px: int = 4
    concurrency: int = 4
    batch_frames: int = 4
    threads: int = 0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How sightings become visits."""

    rules: BatchRules = field(default_factory=BatchRules)
    check_interval_s: float = 5.0
    fast_path_confidence: float = 0.90
    fast_path_classes: frozenset[str] = frozenset({"person"})
    best_detections: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSettings:
    """Which language model judges: a GGUF file in a child process, an address, or none.

    ``self_evaluation`` in spare time: ``on``, ``off``, or ``auto`` where there is a graphics card.
    """

    enabled: bool = True
    model: str = "auto"
    url: str | None = None
    api: str = "auto"
    api_key: str | None = field(default=None, repr=False)
    remote_model: str | None = None
    context_tokens: int = 4096
    max_tokens: int = 768
    temperature: float = 0.2
    top_p: float = 0.95
    connect_timeout_s: float = 10.0
    timeout_s: float = 120.0
    tries: int = 3
    gpu_layers: int = -1
    threads: int = 0
    min_rule_score: int = 15
    self_evaluation: str = "auto"
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSettings:
    """Which vision-language model looks: files of this machine, or an address; what it is asked follows from the rest.

    ``judges`` beside the rules, with the text model where it cannot; ``describes`` does the tasks of
    ``EnrichmentSettings.vision_tasks``. It is shown at most ``stills`` pictures of a visit, scaled to ``picture_px``
    at the longer side. ``projector`` belongs to a ``model`` that is a path. Addresses outside the home network need
    ``cloud``, and are asked for at most ``daily_tokens`` a day, and for what ``daily_cost`` buys where a million tokens
    cost ``token_price``, both in the money of the user.
    """

    judges: bool = False
    describes: bool = False
    model: str = "auto"
    projector: Path | None = None
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    remote_model: str | None = None
    stills: int = 4
    picture_px: int = 768
    context_tokens: int = 8192
    timeout_s: float = 120.0
    cloud: bool = False
    daily_tokens: int = 200_000
    token_price: float | None = None
    daily_cost: float | None = None

    @property
    def wanted(self) -> bool:
        """Tell whether there is anything for the model to do."""
        return self.judges or self.describes


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """How long looks and plates are kept, and whether faces may be compared at all.

    ``similarity_threshold`` replaces that of CLIP models alone; other models bring their own.
    """

    enabled: bool = True
    ttl_h: float = 24.0
    similarity_threshold: float | None = None
    at_once: int = 10
    plate_retention_days: float = 7.0
    faces: bool = False
    face_retention_days: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Where the API listens, and how it is protected there.

    ``tls`` is auto, on or off. Off needs ``allow_insecure`` outside loopback, or ``app_network``: only Home Assistant's
    own apps reach the address. Without files of the owner the engine makes its certificate itself.
    """

    host: str = "127.0.0.1"
    port: int = 8093
    tls: str = "auto"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    allow_insecure: bool = False
    app_network: bool = False
    zeroconf: bool = True
    max_upload_bytes: int = 50 * 1024 * 1024
    max_body_bytes: int = 1024 * 1024
    replay_messages: int = 10_000

    def with_tls(self, *, loopback: bool) -> bool:
        """Tell whether to speak TLS on an address that is ``loopback`` or not."""
        if self.tls != "auto":
            return self.tls == "on"
        return self.tls_certificate is not None or not (loopback or self.allow_insecure or self.app_network)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Where model files come from: own folder, then mirror (folder or URL), then the card's source.

    ``on`` are models that may run although they are off by default. All models together take at most ``memory_bytes``
    (None = whatever the device has free less ``reserve_bytes``) and are let go after ``idle_s`` without use.
    """

    folder: Path
    mirror: str | None = None
    offline: bool = False
    on: frozenset[str] = frozenset()
    memory_bytes: int | None = None
    reserve_bytes: int = 512 * 1024 * 1024
    idle_s: float = 300.0
    download_timeout_s: float = 60.0
    disk_floor_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentSettings:
    """Whether models look closer at the pictures of a visit; ``off`` are questions that nobody shall ask.

    ``at_once`` is how many of them may compute at the same time beside the detector, ``timeout_s`` what an ordinary
    question may take. Services at ``url``, ``florence_url`` and ``clip_url`` answer instead of this engine's models;
    each is shown its token. ``vision_tasks`` are what a vision-language model does, ``vision_questions`` what its task
    ``vqa`` asks. ``depth_scales`` give ``nearest_m`` and ``farthest_m`` of a camera's picture, ``depth_of`` the part of
    a box that is measured, as ``vision.tasks.depth`` has them.
    """

    enabled: bool = True
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    florence_url: str | None = None
    florence_token: str | None = field(default=None, repr=False)
    clip_url: str | None = None
    clip_token: str | None = field(default=None, repr=False)
    off: frozenset[str] = frozenset()
    vision_tasks: frozenset[str] = USUAL_VISION_TASKS
    vision_questions: tuple[str, ...] = ()
    depth_scales: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    depth_of: str = "median"
    at_once: int = 2
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Which database and queue: SQLite in the data folder unless URLs say otherwise.

    Several engines share a household through one ``postgresql://`` database, and the load best with a Redis beside it.
    """

    database_url: str | None = None
    redis_url: str | None = None
    queue_limit: int = 10_000
    overflow: str = "dlq"
    lease_s: float = 60.0
    tries: int = 3

    @property
    def passwords(self) -> tuple[str, ...]:
        """Give what must not be told of the addresses."""
        addresses = (self.database_url, self.redis_url)
        return tuple(found for one in addresses if one and (found := urlsplit(one).password))

    @property
    def is_local(self) -> bool:
        """Tell whether the database is a file of this machine, which no other engine shares."""
        return self.database_url is None or self.database_url.startswith("sqlite")


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """Which MQTT broker is told what happens, if any; ``url`` carries no credentials.

    Topics begin with ``prefix``. ``discovery`` also tells Home Assistant what they mean. ``ca`` is a PEM file with the
    authority of an ``mqtts://`` broker, None for those that the system trusts.
    """

    url: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = "home_sentry"
    discovery: bool = True
    ca: Path | None = None

    @property
    def secure(self) -> bool:
        """Tell whether the connection is encrypted."""
        return urlsplit(self.url or "").scheme == "mqtts"

    @property
    def host(self) -> str:
        """Name or address of the broker."""
        return urlsplit(self.url or "").hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.url or "").port or (8883 if self.secure else 1883)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings:
    """How much of made clips is kept and for how long without use; how many seconds around an event they show."""

    cache_bytes: int = 10_000_000_000
    cache_s: float = 7 * 86_400.0
    before_s: float = 5.0
    after_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """Where channels of alerts may lead: with ``private_targets`` to this machine and its network too."""

    private_targets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsSettings:
    """How long things are kept, and how much of the disk stays free; ``backups`` 0 makes none.

    An engine that takes more than ``memory_limit_mb`` begins anew; 0 leaves a fifth of the machine's to others.

    A new camera learns for ``learning_days``.
    """

    retention_days: float = 30.0
    memory_limit_mb: int = 0
    disk_floor_bytes: int = 256 * 1024 * 1024
    backups: int = 3
    learning_days: float = 7.0
    gpu_poll_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a user may set, checked; rooms get their slice.

    ``data`` belongs to one engine. ``media_root`` holds the pictures; engines that share a household mount one folder
    at the same place on every machine, and so they do with the folder of the cameras.
    """

    data: Path
    media_root: Path
    name: str
    time_zone: ZoneInfo
    roles: frozenset[str]
    demo: bool
    log_level: str
    log_format: str
    ingest: IngestSettings
    detect: DetectSettings
    batch: BatchSettings
    language: LanguageSettings
    api: ApiSettings
    models: ModelSettings
    enrichment: EnrichmentSettings
    storage: StorageSettings
    mqtt: MqttSettings
    operations: OperationsSettings
    notify: NotifySettings
    clips: ClipSettings
    identity: IdentitySettings
    vision: VisionSettings = field(default_factory=VisionSettings)
    bands: Bands

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give what must not be told of all of them."""
        tokens = (self.detect.token, self.enrichment.token, self.enrichment.florence_token, self.enrichment.clip_token)
        keys = (self.language.api_key, self.vision.api_key, self.mqtt.password, *tokens)
        return (*filter(None, keys), *self.storage.passwords)
