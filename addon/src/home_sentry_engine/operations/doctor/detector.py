"""The detector that the engine would choose here, loaded and run once from what lies on this machine."""

import asyncio
from dataclasses import replace
from pathlib import Path
import tempfile
from typing import Final
from urllib.parse import urlsplit

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.settings import ModelSettings, Settings
from home_sentry_engine.vision.catalog import UnknownModel
from home_sentry_engine.vision.session import available_providers, choose_provider
from home_sentry_engine.vision.words import CLASSES_FIX
from home_sentry_engine.vision.zoo import Zoo

from .findings import Finding, fail, ok, warn

_BASIC: Final = "people and cats only, and it misses many: no model file is here"
_OURS: Final = ": offline mode forbids fetching it"
_BY_ITSELF: Final = "a running engine fetches it by itself when it may"


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Load the detector as the engine would, but fetch nothing."""
    fix = "home-sentry models list shows the detectors"
    with tempfile.TemporaryDirectory(prefix="home-sentry-") as scratch:
        try:
            async with Zoo(settings.detect, _local(settings.models, Path(scratch)), SystemClock()) as zoo:
                choice = choose_provider(settings.detect.provider, await asyncio.to_thread(available_providers))
                wanted = zoo.candidates(choice)[0].id
                fix = f"home-sentry models get {wanted}, or put the file into the model folder or a mirror"
                status = await zoo.prepare()
                card = zoo.catalogue.get(status.model_id)
                found = await zoo.store.find(card) if card.files else None
        except (StageError, UnknownModel) as err:
            reason = str(err)
            if settings.models.offline or _OURS not in reason:
                return (fail("detector", reason, fix),)
            return (warn("detector", reason.replace(_OURS, ""), f"{fix}; {_BY_ITSELF}"),)
    place = f" from {found.main}" if found is not None else " inside OpenCV"
    speed = f", {status.provider}" if status.provider else ""
    text = f"{status.name}{place}{speed}"
    facts = {"model_id": status.model_id, "provider": status.provider, "origin": status.origin, "basic": status.basic}
    if status.state is ComponentState.HEALTHY:
        return (ok("detector", text, **facts),)
    reason = status.reason or ""
    if status.fix == CLASSES_FIX:
        return (warn("detector", f"{text}: {reason}", CLASSES_FIX, **facts),)
    if not settings.models.offline:
        reason = reason.replace(_OURS, "")
        fix = f"{fix}; {_BY_ITSELF}"
    return (warn("detector", f"{text}: {_BASIC if status.basic else reason}", fix, **facts),)


def _local(settings: ModelSettings, scratch: Path) -> ModelSettings:
    """Keep only what can be read here: no downloads, and nothing is made where no model folder is."""
    mirror = settings.mirror
    if mirror and urlsplit(mirror).scheme in {"http", "https"}:
        mirror = None
    folder = settings.folder if settings.folder.is_dir() else scratch
    return replace(settings, folder=folder, mirror=mirror, offline=True)
