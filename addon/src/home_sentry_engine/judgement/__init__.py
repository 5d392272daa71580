"""From a scene to a verdict: deterministic factors, limits set by evidence, and the join with a model's opinion."""
