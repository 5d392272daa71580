"""ONNX Runtime and what it can compute on."""

import asyncio
from typing import Final

from home_sentry_engine.settings import ModelSettings, Settings
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.session import available_providers, choose_provider, has_accelerator
from home_sentry_engine.vision.session.runtime import runtime_version
from home_sentry_engine.vision.store import Switches

from .findings import Finding, ok, warn

_FOR_PROCESSORS: Final = ("siglip2-base-int8", "clip-vit-l-14")


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look at the providers that are really here."""
    version = runtime_version()
    if version is None:
        fix = "scripts/setup --accelerator cpu (or cuda, openvino)"
        return (warn("onnxruntime", "ONNX Runtime is not installed: only the basic detector works", fix),)
    available = await asyncio.to_thread(available_providers)
    wanted = settings.detect.provider
    choice = choose_provider(wanted, available)
    text = f"ONNX Runtime {version}: {', '.join(available)}; {choice.reason}"
    if wanted not in {"auto", choice.wanted[0]}:
        return (warn("onnxruntime", text, f"install the engine with the extra {wanted}, or set provider: auto"),)
    runtime = ok("onnxruntime", text, version=version, available=available, provider=choice.wanted[0])
    if has_accelerator(choice.wanted) or not settings.identity.enabled:
        return (runtime,)
    return runtime, await asyncio.to_thread(vehicles, settings.models)


def vehicles(models: ModelSettings) -> Finding:
    """Say what compares vehicles on a processor: the usual model is made for a GPU."""
    catalogue, switches = load_catalogue(), Switches(models.folder)
    on = [one for one in _FOR_PROCESSORS if one in models.on or switches.choice(catalogue.get(one))]
    if on:
        return ok("vehicles", f"{on[0]} compares vehicles on the processor")
    text = "vehicles and animals are not recognised again: the model for it needs a GPU, and none is here"
    return ok(
        "vehicles",
        f"{text}; `home-sentry models enable {_FOR_PROCESSORS[0]}`, or models_on, switches on one for the processor",
    )
