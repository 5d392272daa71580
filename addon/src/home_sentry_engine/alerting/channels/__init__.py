"""Ways by which the engine itself tells people of alerts."""
