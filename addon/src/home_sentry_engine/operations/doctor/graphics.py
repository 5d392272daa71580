"""Graphics cards and their drivers."""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
import shutil
from typing import Final

from home_sentry_engine.settings import Settings

from .findings import Finding, ok, warn

_QUERY: Final = "name,driver_version,memory.total,memory.free,temperature.gpu"
_DEADLINE_S: Final = 20.0
_DRIVER: Final = Path("/proc/driver/nvidia/version")
_RENDER: Final = Path("/sys/class/drm")
_VENDORS: Final = {"0x8086": "Intel", "0x1002": "AMD", "0x10de": "NVIDIA"}
_WITHOUT: Final = (
    "no GPU: the detector and the language model run on the processor, so the small detector is used "
    "and a model's verdict comes much later than the rule score"
)
_FIX: Final = "nothing to do if that is enough; else run the engine as a container on a machine with an NVIDIA card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One NVIDIA card as its driver describes it; memory in MiB."""

    name: str
    driver: str
    memory_mib: int | None
    free_mib: int | None
    celsius: int | None


async def look(_settings: Settings) -> tuple[Finding, ...]:
    """Look for graphics cards."""
    program = shutil.which("nvidia-smi")
    if program:
        return (await _nvidia(program),)
    if _DRIVER.is_file():
        fix = "install nvidia-smi (package nvidia-utils), or give the container the 'utility' driver capability"
        return (warn("gpu", "an NVIDIA driver is loaded, but nvidia-smi is not here to describe the card", fix),)
    others = render_devices(_RENDER)
    if others:
        return (ok("gpu", f"{', '.join(others)} (OpenVINO can use an Intel GPU)", cards=others),)
    return (warn("gpu", _WITHOUT, _FIX),)


async def _nvidia(program: str) -> Finding:
    process = await asyncio.create_subprocess_exec(
        program,
        f"--query-gpu={_QUERY}",
        "--format=csv,noheader,nounits",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return warn(
            "gpu", f"nvidia-smi does not answer within {_DEADLINE_S:.0f} s", "look at the driver: dmesg | grep NVRM"
        )
    text = output.decode("utf-8", "replace").strip()
    cards = parse_cards(text) if process.returncode == 0 else ()
    if not cards:
        fix = "install or reload the NVIDIA driver; a container also needs the NVIDIA Container Toolkit"
        return warn("gpu", f"nvidia-smi finds no card: {text.splitlines()[0] if text else 'no output'}", fix)
    shown = [f"{card.name}, {card.memory_mib or '?'} MiB ({card.free_mib or '?'} free)" for card in cards]
    return ok("gpu", f"{'; '.join(shown)}, driver {cards[0].driver}", cards=[asdict(card) for card in cards])


def parse_cards(text: str) -> tuple[Card, ...]:
    """Read the lines of ``nvidia-smi --format=csv,noheader,nounits``; what a card does not tell is None."""
    cards: list[Card] = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 5:
            name, driver, *numbers = fields
            memory, free, celsius = (int(one) if one.isdigit() else None for one in numbers)
            cards.append(Card(name=name, driver=driver, memory_mib=memory, free_mib=free, celsius=celsius))
    return tuple(cards)


def render_devices(folder: Path) -> list[str]:
    """Name the makers of the graphics devices that the kernel offers for computing."""
    found: list[str] = []
    for device in sorted(folder.glob("renderD*")):
        try:
            vendor = (device / "device" / "vendor").read_text(encoding="ascii").strip()
        except OSError:
            continue
        found.append(f"{_VENDORS.get(vendor, f'unknown maker {vendor}')} GPU /dev/dri/{device.name}")
    return found
