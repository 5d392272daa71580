"""Values and rules of the product without any input or output."""
