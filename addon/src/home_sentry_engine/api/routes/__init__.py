"""The operations of the API, one small module for each family."""
