"""Living with parts that fail: circuit breaker, back-off, supervised jobs."""
