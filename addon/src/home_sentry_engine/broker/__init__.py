"""How work and news travel: durable queues with leases, and publish/subscribe."""
