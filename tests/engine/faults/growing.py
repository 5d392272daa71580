"""A program: ``home-sentry`` whose memory watchdog looks often and does not wait for ten minutes first."""

import sys

from home_sentry_engine.cli.main import main
from home_sentry_engine.operations import memory

memory._EVERY_S = 0.5  # type: ignore[misc]
memory._YOUNG_S = 6.0  # type: ignore[misc]

if __name__ == "__main__":
    sys.exit(main())
