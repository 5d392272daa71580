"""The engine's HTTP and WebSocket API: routes, authentication, limits, the feed of events."""
