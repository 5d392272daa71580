"""The language model: its runtime in a process of its own, its file, or its server."""

import asyncio
from pathlib import Path
import sys
from typing import Final

from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.backends.remote import RemoteModel
from home_sentry_engine.language.errors import LanguageError
from home_sentry_engine.language.opening import choose
from home_sentry_engine.settings import LanguageSettings, Settings
from home_sentry_engine.vision.catalog import UnknownModel, load_catalogue
from home_sentry_engine.vision.store import ModelStore

from .findings import Finding, ok, warn
from .machine import free_memory_bytes

_ASK_S: Final = 20.0
_IMPORT_S: Final = 60.0
_PROBE: Final = "import llama_cpp; print(llama_cpp.__version__, llama_cpp.llama_supports_gpu_offload())"
_RULES: Final = "every event keeps its rule score"
_RUNTIME_FIX: Final = "scripts/setup (compiles llama.cpp), set llm_url to a server, or set llm: false"


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look at whatever the settings name."""
    if not settings.language.enabled:
        return (ok("llm", f"switched off; {_RULES}"),)
    if settings.language.url is not None:
        return (await _server(settings.language, settings.language.url),)
    return await _runtime(), await _file(settings)


async def _server(settings: LanguageSettings, url: str) -> Finding:
    client = JsonClient(url, api_key=settings.api_key, connect_timeout_s=settings.connect_timeout_s)
    model = RemoteModel(client, api=settings.api, model=settings.remote_model, window_tokens=settings.context_tokens)
    try:
        async with asyncio.timeout(_ASK_S):
            window = await model.window()
    except (LanguageError, TimeoutError) as err:
        reason = str(err) or f"no answer within {_ASK_S:.0f} s"
        return warn(
            "llm", f"{url}: {reason}; {_RULES}", "start that server, or correct llm_url, llm_api and llm_api_key"
        )
    finally:
        await model.aclose()
    return ok("llm", f"{model.model_id} at {url}, {window} tokens", model=model.model_id, window_tokens=window)


async def _runtime() -> Finding:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PROBE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_IMPORT_S):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return warn("llm_runtime", f"llama.cpp does not load within {_IMPORT_S:.0f} s; {_RULES}", _RUNTIME_FIX)
    if process.returncode:
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else f"its process ended with status {process.returncode}"
        return warn("llm_runtime", f"llama.cpp does not load: {reason}; {_RULES}", _RUNTIME_FIX)
    version, _, offload = output.decode().strip().partition(" ")
    where = "can use a GPU" if offload == "True" else "computes on the processor"
    return ok("llm_runtime", f"llama-cpp-python {version}, {where}", version=version, gpu=offload == "True")


async def _file(settings: Settings) -> Finding:
    store, catalogue = ModelStore(settings.models), load_catalogue()

    class _Files:
        async def path(self, card_id: str) -> Path | None:
            found = await store.find(catalogue.get(card_id))
            return found.main if found is not None else None

    try:
        chosen = await choose(settings.language.model, _Files(), free_bytes=free_memory_bytes)
    except (UnknownModel, StageError) as err:
        return warn("llm", f"{err}; {_RULES}", "home-sentry models list shows the models; set llm_model to one of them")
    if chosen.path is None:
        fix = "home-sentry models get nemotron-3-nano-4b (2.8 GB), set llm_url, or set llm: false"
        return warn("llm", f"{chosen.detail}; {_RULES}", fix, reason=chosen.reason)
    return ok("llm", f"{chosen.name} from {chosen.path}", model=chosen.name, path=str(chosen.path))
