"""Composition root: the only place that knows the concrete classes of every room."""
