"""Benchmarks: each measures its own limit in the same run and gives ratios; milliseconds belong to one machine."""
