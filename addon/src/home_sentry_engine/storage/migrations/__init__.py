"""Numbered forward revisions of the schema."""
