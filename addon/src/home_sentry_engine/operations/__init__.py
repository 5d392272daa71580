"""Running the engine: health, benchmarks, checks of the machine."""
