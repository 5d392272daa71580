"""Enrichment: which models a visit needs, what they found, and what nobody could look at."""
