"""Benchmarks: our path beside the bare minimum that any solution needs, in one run on one machine."""
