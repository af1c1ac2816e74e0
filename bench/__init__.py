"""Benchmarks: one program a figure, each against a reference in the same run."""
