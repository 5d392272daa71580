"""ONNX Runtime and what it can compute on."""

import asyncio

from home_sentry_engine.settings import Settings
from home_sentry_engine.vision.session import available_providers, choose_provider
from home_sentry_engine.vision.session.runtime import runtime_version

from .findings import Finding, ok, warn


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
    return (ok("onnxruntime", text, version=version, available=available, provider=choice.wanted[0]),)
