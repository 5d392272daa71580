"""A program: takes the files of a folder one after the other, as the engine does, and says what each one cost.

Prints one JSON line for each file: its name, why it was refused (None if it was not), the seconds, and by how many
bytes the process and its children were larger at their largest than before the first file.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import resource
import sys
import time

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest.intake import Intake, Refused
from home_sentry_engine.media.picture import decode
from tests.fakes import pictures
from tests.fakes.clock import START
from tests.fakes.household import household
from tests.fakes.intake import intake

VIDEO = (".mp4", ".mkv", ".avi")


def arrival(path: Path) -> Arrival:
    kind = MediaKind.VIDEO if path.suffix in VIDEO else MediaKind.IMAGE
    return Arrival(
        camera_id="yard", camera_name="Yard", kind=kind, seen_at=START, path=path, source_key=f"yard/{path.name}"
    )


def peak_bytes() -> int:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * 1024


async def main(data: Path) -> None:
    # what reading sound pictures takes is no cost of a bomb
    decode(pictures.jpeg(1920, 1080))
    with ThreadPoolExecutor(1) as executor:
        async with household(data) as home:
            door: Intake = intake(data / "cameras", data, home.ledger, executor)
            before = peak_bytes()
            for path in sorted((data / "cameras" / "yard").iterdir()):
                began = time.perf_counter()
                outcome = await door.take(arrival(path))
                reason = outcome.rejected.reason.value if isinstance(outcome, Refused) else None
                cost = {"seconds": time.perf_counter() - began, "bytes": peak_bytes() - before}
                print(json.dumps({"name": path.name, "refused": reason, **cost}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
