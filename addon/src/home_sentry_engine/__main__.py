"""Entry point of the command ``home-sentry``."""

import sys

from home_sentry_engine.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
