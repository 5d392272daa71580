"""The default queue: jobs in the same database as the data."""
