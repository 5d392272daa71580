"""What a model's sessions need: providers, threads, memory, by what its card says."""

from collections.abc import Mapping
from typing import Final

from .catalog import Card
from .session import ProviderChoice, Rank, SessionSpec
from .store import LocalModel
from .tiers import Tier, is_resident

_GRAPH_SUFFIX: Final = ".onnx"
_SMALL_BYTES: Final = 12_000_000
ON_CPU: Final = "on-cpu"


def specs_of(
    card: Card, model: LocalModel, choice: ProviderChoice, tier: Tier, *, aside: bool = False
) -> Mapping[str, SessionSpec]:
    """Give one session per graph by role; the card's memory is shared out by file size.

    ``aside`` gives keys of their own, for a model that runs on the processor because its device is full.
    """
    files = [file for file in card.files if file.name.endswith(_GRAPH_SUFFIX)]
    sizes = {file.name: model.paths[file.name].stat().st_size for file in files}
    total = max(1, sum(sizes.values()))
    stem = f"{card.id}/{ON_CPU}" if aside else card.id
    return {
        file.role: SessionSpec(
            key=stem if len(files) == 1 else f"{stem}/{file.role}",
            path=model.paths[file.name],
            choice=choice,
            threads=threads_for(card, choice, total),
            need_bytes=(card.memory_bytes or total) * sizes[file.name] // total,
            file_bytes=sizes[file.name],
            priority=Rank[card.rank.upper()],
            resident=is_resident(card, tier),
        )
        for file in files
    }


def model_of(key: str) -> str:
    """Give the model of a session's key."""
    return key.partition("/")[0]


def provider_for(card: Card, choice: ProviderChoice) -> ProviderChoice:
    """Give the providers that a card agrees with: quirk ``cpu_only``, or ``avoid`` with names between commas."""
    if card.quirks.get("cpu_only"):
        return choice.without(set(choice.wanted) - {"cpu"}, f"{card.name} runs on the processor only")
    avoided = {name.strip() for name in str(card.quirks.get("avoid", "")).split(",")} - {"cpu", ""}
    return choice.without(avoided, f"{card.name} does not run on {', '.join(sorted(avoided))}")


def threads_for(card: Card, choice: ProviderChoice, file_bytes: int) -> int:
    """Give the threads of a session; 0 = one for each core.

    On the processor a small net gets one, or what its card says (``cpu_threads``): several side by side beat one on all
    cores, which waits for its threads longer than it computes.
    """
    if choice.wanted[0] != "cpu":
        return 0
    return int(card.quirks.get("cpu_threads", 1 if file_bytes < _SMALL_BYTES else 0))
