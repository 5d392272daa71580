"""The vision-language model: its two files, or its server, which is shown a drawn picture."""

import asyncio
from pathlib import Path
from typing import Final

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.language.errors import LanguageError
from home_sentry_engine.language.seeing import SeeingModel
from home_sentry_engine.language.sight import USUAL, choose_sight, limits_of, remote_sight
from home_sentry_engine.settings import Settings
from home_sentry_engine.vision.catalog import UnknownModel, load_catalogue
from home_sentry_engine.vision.store import ModelStore

from .findings import Finding, ok, warn
from .machine import free_memory_bytes

_ASK_S: Final = 60.0
_WITHOUT: Final = "no model sees pictures"


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look at whatever the settings name; nothing is said where none is wanted."""
    if not settings.vision.wanted:
        return ()
    if settings.vision.url is not None:
        return (await _server(settings, settings.vision.url),)
    return (await _files(settings),)


async def _server(settings: Settings, url: str) -> Finding:
    backend = remote_sight(settings.vision, url, connect_timeout_s=settings.language.connect_timeout_s)
    model = SeeingModel(backend, settings=limits_of(settings.vision, settings.language), clock=SystemClock())
    try:
        async with asyncio.timeout(_ASK_S):
            failure = await model.wake()
    except TimeoutError:
        return warn("vlm", f"{url}: no answer within {_ASK_S:.0f} s; {_WITHOUT}", "choose a smaller model")
    finally:
        await model.aclose()
    if failure is not None:
        fix = "start that server with its projector (--mmproj), or correct vlm_url and vlm_api_key"
        return warn("vlm", f"{url}: {failure.detail}; {_WITHOUT}", fix, reason=failure.reason)
    return ok("vlm", f"{model.backend.model_id} at {url} names what drawn pictures show", model=model.backend.model_id)


async def _files(settings: Settings) -> Finding:
    store, catalogue = ModelStore(settings.models), load_catalogue()

    class _Files:
        async def sight(self, card_id: str) -> tuple[Path, Path] | None:
            found = await store.find(catalogue.get(card_id))
            projector = found.paths.get(str(found.card.quirks.get("projector"))) if found is not None else None
            return (found.main, projector) if found is not None and projector is not None else None

    try:
        found = await choose_sight(settings.vision, _Files(), free_bytes=free_memory_bytes)
    except (LanguageError, UnknownModel, StageError) as err:
        fix = f"home-sentry models get {USUAL} (1.5 GB), or set vlm_url"
        return warn("vlm", f"{err}; {_WITHOUT}", fix)
    return ok("vlm", f"{found.name} from {found.weights}", model=found.name, path=str(found.weights))
