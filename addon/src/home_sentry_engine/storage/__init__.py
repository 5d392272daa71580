"""What the engine remembers: one schema, one way to write, repositories that speak the product's verbs."""
