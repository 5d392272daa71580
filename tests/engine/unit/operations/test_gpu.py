"""Graphics cards that are not here: the library by a stand-in of its names, the program by a script."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from home_sentry_engine.contract import Gpu
from home_sentry_engine.operations import gpu
from home_sentry_engine.operations.gpu import (
    DemoReader,
    FreeMemory,
    NoGpu,
    NvmlReader,
    SmiReader,
    open_reader,
    parse_readings,
)
from home_sentry_engine.operations.gpu_watch import GpuWatch, minute_means
from tests.fakes.clock import START, FakeClock
from tests.fakes.patience import until

LINE = "0, NVIDIA L4, 42, 4096, 8192, 61, 52.50, [N/A], 1800, 6250, 5, 0x0000000000000004"


class Cards:
    """Two cards behind the names of NVIDIA's library; the second tells little."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2

    def __init__(self, count: int = 2) -> None:
        self.count = count
        self.closed = 0
        self.gone = False

    def nvmlInit(self) -> None:  # noqa: N802 - the library names it
        if self.count < 0:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    def nvmlShutdown(self) -> None:  # noqa: N802 - the library names it
        self.closed += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - the library names it
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - the library names it
        return index

    def nvmlDeviceGetName(self, card: int) -> object:  # noqa: N802 - the library names it
        if self.gone:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return b"NVIDIA L4" if card else "NVIDIA L40S"

    def nvmlDeviceGetMemoryInfo(self, _card: int) -> object:  # noqa: N802 - the library names it
        return SimpleNamespace(used=4 * 2**30, total=8 * 2**30)

    def __getattr__(self, name: str):
        answers = {
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=42),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 52_500,
            "nvmlDeviceGetFanSpeed": 30,
            "nvmlDeviceGetClockInfo": 1800,
            "nvmlDeviceGetEncoderUtilization": [7, 1000],
            "nvmlDeviceGetCurrentClocksEventReasons": 0x1 | 0x4 | 0x40,
        }
        if name not in answers:
            raise AttributeError(name)

        def ask(card: int, *_: object) -> object:
            if card == 1:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return answers[name]

        return ask


@pytest.fixture
def cards(monkeypatch) -> Cards:
    found = Cards()
    monkeypatch.setattr(gpu, "pynvml", found)
    monkeypatch.setattr(gpu, "driver_there", lambda: True)
    return found


def script(folder: Path, text: str) -> str:
    file = folder / "nvidia-smi"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_without_a_driver_the_library_is_not_even_loaded(monkeypatch):
    monkeypatch.setattr(gpu, "_DRIVER", "libnone-of-this-name.so.1")
    monkeypatch.setattr(gpu, "pynvml", None)
    with pytest.raises(NoGpu, match="driver"):
        NvmlReader()


def test_the_library_tells_of_each_card_what_it_knows(cards):
    reader = NvmlReader()
    first, second = reader.read(START)
    assert first == Gpu(
        index=0,
        name="NVIDIA L40S",
        at=START,
        utilization_percent=42.0,
        memory_used_bytes=4 * 2**30,
        memory_total_bytes=8 * 2**30,
        temperature_c=61.0,
        power_w=52.5,
        fan_percent=30.0,
        clock_mhz=1800.0,
        memory_clock_mhz=1800.0,
        encoder_percent=7.0,
        throttled=("sw_power_cap", "hw_thermal"),
    )
    assert (second.name, second.utilization_percent, second.power_w, second.throttled) == ("NVIDIA L4", None, None, ())
    reader.close()
    assert cards.closed == 1


def test_a_card_that_fell_off_the_bus_is_no_reading(cards):
    reader = NvmlReader()
    cards.gone = True
    with pytest.raises(NoGpu, match="card 0"):
        reader.read(START)


@pytest.mark.parametrize("count", [0, -1])
def test_no_card_is_no_error(cards, count, tmp_path, monkeypatch):
    cards.count = count
    with pytest.raises(NoGpu):
        NvmlReader()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoGpu, match="neither"):
        open_reader()
    script(tmp_path, f"echo '{LINE}'")
    assert open_reader().source == "nvidia-smi"


def test_this_machine_without_a_card_says_so():
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("there is a card here")
    with pytest.raises(NoGpu):
        NvmlReader()


def test_the_program_is_asked_where_the_library_is_not(tmp_path):
    reader = SmiReader(script(tmp_path, f"echo '{LINE}'"))
    (card,) = reader.read(START)
    assert card == Gpu(
        index=0,
        name="NVIDIA L4",
        at=START,
        utilization_percent=42.0,
        memory_used_bytes=4 * 2**30,
        memory_total_bytes=8 * 2**30,
        temperature_c=61.0,
        power_w=52.5,
        fan_percent=None,
        clock_mhz=1800.0,
        memory_clock_mhz=6250.0,
        encoder_percent=5.0,
        throttled=("sw_power_cap",),
    )


@pytest.mark.parametrize("text", ["exit 9", "echo No devices were found", "echo a, b, c"])
def test_a_program_that_finds_nothing(tmp_path, text):
    with pytest.raises(NoGpu, match="finds no card"):
        SmiReader(script(tmp_path, text)).read(START)


def test_a_program_that_cannot_run(tmp_path):
    with pytest.raises(NoGpu, match="does not answer"):
        SmiReader(str(tmp_path / "gone")).read(START)


def test_lines_of_another_shape_are_left_out():
    assert parse_readings(f"{LINE}\nrubbish\n{LINE.replace('0, NVIDIA', 'x, NVIDIA', 1)}\n", START) == parse_readings(
        LINE, START
    )


def test_the_demo_says_that_it_is_none():
    (card,) = DemoReader().read(START)
    assert "no real card" in card.name
    assert DemoReader().read(START + timedelta(seconds=90)) != (card,)
    assert open_reader(demo=True).source == "demo"


def test_free_memory_is_asked_anew_and_unknown_without_a_card(cards):
    free = FreeMemory()
    assert free() == 4 * 2**30
    assert FreeMemory(5)() is None
    cards.gone = True
    assert free() is None
    cards.count = -1
    assert FreeMemory()() is None


class Scripted:
    source = "nvml"

    def __init__(self) -> None:
        self.load = 10.0
        self.fails = False
        self.closed = False

    def read(self, now):
        if self.fails:
            raise NoGpu("it is gone")
        return (Gpu(index=0, name="card", at=now, utilization_percent=self.load, memory_used_bytes=100),)

    def close(self) -> None:
        self.closed = True


async def settle(clock: FakeClock) -> None:
    """Wait until the watch has read and sleeps again."""
    await until(lambda: clock.asleep)


async def test_the_watch_keeps_the_newest_the_last_hour_and_means_of_minutes():
    clock, reader, saved = FakeClock(), Scripted(), []

    async def save(points) -> None:
        saved.extend(points)

    watch = GpuWatch(lambda: reader, clock, save, every_s=5.0)
    assert watch.state.reason == "not asked yet"
    running = asyncio.create_task(watch.run())
    await settle(clock)
    for step in range(24):
        reader.load = float(step)
        await clock.advance(5)
        await settle(clock)
    assert (watch.state.source, watch.state.items[0].utilization_percent) == ("nvml", 23.0)
    assert len(watch.history().items) == 25
    assert len(watch.history(1).items) == 13
    assert saved[0].readings == 12
    assert saved[0].utilization_percent == pytest.approx((10 + sum(range(11))) / 12, abs=0.01)
    reader.fails = True
    await clock.advance(5)
    await settle(clock)
    assert watch.state.items == ()
    assert watch.state.reason == "it is gone"
    assert not reader.closed
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert reader.closed


async def test_without_a_card_it_looks_again_now_and_then():
    clock, asked = FakeClock(), []

    def nobody():
        asked.append(clock.now())
        raise NoGpu("no card")

    async def save(_points) -> None:
        raise AssertionError("nothing to save")

    watch = GpuWatch(nobody, clock, save)
    running = asyncio.create_task(watch.run())
    await settle(clock)
    assert (watch.state.source, watch.state.reason, watch.state.items) == (None, "no card", ())
    await clock.advance(299)
    await settle(clock)
    assert len(asked) == 1
    await clock.advance(2)
    await settle(clock)
    assert len(asked) == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_means_of_what_nobody_tells_are_unknown():
    card = Gpu(index=1, name="x", at=START)
    (point,) = minute_means([card, replace(card, temperature_c=50.0)])
    assert (point.readings, point.utilization_percent, point.temperature_c) == (2, None, 50.0)
