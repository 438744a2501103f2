"""Benchmarks against the libraries that people would otherwise use: ``python -m benchmarks``."""
