"""The demo: an engine, a Home Assistant beside it and pictures that arrive; ``scripts/demo`` starts it."""
