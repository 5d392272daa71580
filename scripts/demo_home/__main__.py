"""Entry of the demo: signals, errors and the exit status."""

import asyncio
from collections.abc import Sequence
import os
import signal
import sys

from .arguments import Wishes, parse
from .console import Console
from .errors import DemoError
from .show import run

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str]) -> int:
    """Run the demo: 0 done or stopped by hand, 1 failed or an event is missing, 128 + n for ``--once`` cut short."""
    wishes = parse(argv)
    console = Console()
    status = 1
    try:
        status = asyncio.run(_with_signals(wishes, console))
    except* DemoError as errors:
        for error in _leaves(errors):
            console.line(f"demo: {error}")
    return status


async def _with_signals(wishes: Wishes, console: Console) -> int:
    """Turn the first signal into an orderly end and the second one into a quick one."""
    loop = asyncio.get_running_loop()
    hurry = asyncio.Event()
    work = asyncio.create_task(run(wishes, console, hurry, _environment(wishes)))
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        if len(received) > 1:
            hurry.set()
        else:
            work.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await work
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0] if wishes.once else 0


def _environment(wishes: Wishes) -> dict[str, str]:
    return dict(os.environ) | ({} if wishes.llm else {"HOME_SENTRY_LLM": "false"})


def _leaves(errors: BaseExceptionGroup[DemoError]) -> list[DemoError]:
    return [
        leaf
        for error in errors.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
