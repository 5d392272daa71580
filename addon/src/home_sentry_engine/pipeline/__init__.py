"""From an accepted file to an announced event: stages, the worker loop, timers and the relay."""
