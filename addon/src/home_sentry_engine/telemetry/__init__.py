"""What the engine tells its operator: structured logs without secrets, and metrics with bounded labels."""
