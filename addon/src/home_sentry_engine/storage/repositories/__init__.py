"""Repositories: the product's verbs over one connection; they return frozen dataclasses and never commit."""
