"""What NVIDIA cards tell about themselves: by their driver's library, else by its program; without a card, nothing.

Figures that a card does not tell are None. Nothing is ever invented, except by the demo's own card.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
import ctypes
from datetime import datetime
import math
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final, Protocol

from home_sentry_engine.contract import Gpu
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.lazy import lazy

if TYPE_CHECKING:
    import pynvml
else:
    # it is large, and of no use without the driver's library
    pynvml = lazy("pynvml")

_DRIVER: Final = "libnvidia-ml.so.1"

_DEADLINE_S: Final = 10.0
_MIB: Final = 1024 * 1024
# the driver's words for why clocks are held down; an idle card and a user's own setting are no reason to worry
_REASONS: Final = {
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sw_thermal": 0x20,
    "hw_thermal": 0x40,
    "hw_power_brake": 0x80,
}
_COLUMNS: Final = (
    *("index", "name", "utilization.gpu", "memory.used", "memory.total", "temperature.gpu", "power.draw"),
    *("fan.speed", "clocks.sm", "clocks.mem", "utilization.encoder", "clocks_event_reasons.active"),
)


class NoGpu(HomeSentryError, LookupError):
    """There is no card here, or nothing that could be asked about it."""


def driver_there() -> bool:
    """Tell whether the library of NVIDIA's driver can be loaded."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


class Reader(Protocol):
    """Asks the cards; every call blocks for a moment."""

    @property
    def source(self) -> str:
        """Who is asked."""
        ...

    def read(self, now: datetime) -> tuple[Gpu, ...]:
        """Give one reading of each card; raises ``NoGpu`` when they do not answer any more."""
        ...

    def close(self) -> None:
        """Ask no more."""
        ...


class NvmlReader:
    """Asks NVIDIA's library."""

    source = "nvml"

    def __init__(self) -> None:
        """Raises ``NoGpu`` without a driver or a card."""
        if not driver_there():
            raise NoGpu("NVIDIA's driver is not here")
        try:
            pynvml.nvmlInit()
            self._cards = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as err:
            raise NoGpu(f"NVIDIA's library finds no card: {err}") from err
        if not self._cards:
            self.close()
            raise NoGpu("NVIDIA's library finds no card")

    def read(self, now: datetime) -> tuple[Gpu, ...]:
        """Give one reading of each card; raises ``NoGpu``."""
        return tuple(self._reading(index, card, now) for index, card in enumerate(self._cards))

    def close(self) -> None:
        """Let go of the library."""
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()

    @staticmethod
    def _reading(index: int, card: Any, now: datetime) -> Gpu:
        try:
            name = pynvml.nvmlDeviceGetName(card)
            memory = pynvml.nvmlDeviceGetMemoryInfo(card)
        except pynvml.NVMLError as err:
            raise NoGpu(f"the card {index} does not answer: {err}") from err
        power = _told(lambda: pynvml.nvmlDeviceGetPowerUsage(card))
        reasons = _told(lambda: pynvml.nvmlDeviceGetCurrentClocksEventReasons(card))
        return Gpu(
            index=index,
            name=name.decode() if isinstance(name, bytes) else str(name),
            at=now,
            utilization_percent=_told(lambda: pynvml.nvmlDeviceGetUtilizationRates(card).gpu),
            memory_used_bytes=int(memory.used),
            memory_total_bytes=int(memory.total),
            temperature_c=_told(lambda: pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU)),
            power_w=None if power is None else power / 1000,
            fan_percent=_told(lambda: pynvml.nvmlDeviceGetFanSpeed(card)),
            clock_mhz=_told(lambda: pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_SM)),
            memory_clock_mhz=_told(lambda: pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_MEM)),
            encoder_percent=_told(lambda: pynvml.nvmlDeviceGetEncoderUtilization(card)[0]),
            throttled=_throttles(0 if reasons is None else int(reasons)),
        )


class SmiReader:
    """Asks the program ``nvidia-smi``."""

    source = "nvidia-smi"

    def __init__(self, program: str | None = None) -> None:
        """Raises ``NoGpu`` without the program."""
        found = program or shutil.which("nvidia-smi")
        if found is None:
            raise NoGpu("neither NVIDIA's library nor nvidia-smi is here")
        self._command = (found, f"--query-gpu={','.join(_COLUMNS)}", "--format=csv,noheader,nounits")

    def read(self, now: datetime) -> tuple[Gpu, ...]:
        """Give one reading of each card; raises ``NoGpu``."""
        try:
            done = subprocess.run(  # noqa: S603 - the program is found in PATH, the arguments are ours
                self._command, capture_output=True, timeout=_DEADLINE_S, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise NoGpu(f"nvidia-smi does not answer: {type(err).__name__}") from err
        text = done.stdout.decode("utf-8", "replace")
        cards = parse_readings(text, now) if done.returncode == 0 else ()
        if not cards:
            first = next(iter(text.splitlines()), "no output")
            raise NoGpu(f"nvidia-smi finds no card: {first[:120]}")
        return cards

    def close(self) -> None:
        """Nothing is held."""


class DemoReader:
    """The demo's card, which says that it is none; its figures follow the clock in a slow wave."""

    source = "demo"

    def read(self, now: datetime) -> tuple[Gpu, ...]:
        """Give the next figures."""
        wave = (1 + math.sin(now.timestamp() / 60)) / 2
        used = int((2 + wave) * 1024 * _MIB)
        return (
            Gpu(
                index=0,
                name="Demo (no real card)",
                at=now,
                utilization_percent=round(60 * wave, 1),
                memory_used_bytes=used,
                memory_total_bytes=8 * 1024 * _MIB,
                temperature_c=round(40 + 20 * wave, 1),
                power_w=round(30 + 40 * wave, 1),
            ),
        )

    def close(self) -> None:
        """Nothing is held."""


class FreeMemory:
    """Free memory of one card, asked anew at each call: ``vision.session.Room(free_bytes=FreeMemory(0))``."""

    def __init__(self, index: int = 0, read: Callable[[], Reader] = NvmlReader) -> None:
        """Opens nothing yet; ``index`` is the card in the order of the driver."""
        self._index = index
        self._open = read
        self._reader: Reader | None = None

    def __call__(self) -> int | None:
        """Give the free bytes, None where no card can be asked."""
        try:
            if self._reader is None:
                self._reader = self._open()
            card = self._reader.read(datetime.now().astimezone())[self._index]
        except NoGpu, IndexError:
            return None
        if card.memory_total_bytes is None or card.memory_used_bytes is None:
            return None
        return card.memory_total_bytes - card.memory_used_bytes


def open_reader(*, demo: bool = False) -> Reader:
    """Give whoever can be asked here; raises ``NoGpu`` with the reason. Blocks for a moment."""
    if demo:
        return DemoReader()
    try:
        return NvmlReader()
    except NoGpu:
        return SmiReader()


def parse_readings(text: str, now: datetime) -> tuple[Gpu, ...]:
    """Read what ``nvidia-smi`` writes; ``[N/A]`` and the like are None, lines of another shape are left out."""
    cards: list[Gpu] = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != len(_COLUMNS) or not fields[0].isdecimal():
            continue
        values = dict(zip(_COLUMNS, fields, strict=True))
        used, total = _number(values, "memory.used"), _number(values, "memory.total")
        reasons = values["clocks_event_reasons.active"]
        cards.append(
            Gpu(
                index=int(fields[0]),
                name=fields[1],
                at=now,
                utilization_percent=_number(values, "utilization.gpu"),
                memory_used_bytes=None if used is None else int(used * _MIB),
                memory_total_bytes=None if total is None else int(total * _MIB),
                temperature_c=_number(values, "temperature.gpu"),
                power_w=_number(values, "power.draw"),
                fan_percent=_number(values, "fan.speed"),
                clock_mhz=_number(values, "clocks.sm"),
                memory_clock_mhz=_number(values, "clocks.mem"),
                encoder_percent=_number(values, "utilization.encoder"),
                throttled=_throttles(int(reasons, 16) if reasons.startswith("0x") else 0),
            )
        )
    return tuple(cards)


def _number(values: Mapping[str, str], name: str) -> float | None:
    try:
        return float(values[name])
    except ValueError:
        return None


def _throttles(bits: int) -> tuple[str, ...]:
    return tuple(name for name, bit in _REASONS.items() if bits & bit)


def _told(ask: Callable[[], Any]) -> float | None:
    try:
        return float(ask())
    except pynvml.NVMLError:
        return None
