"""The command ``home-sentry``: argument parsing and thin commands."""
