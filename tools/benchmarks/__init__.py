"""Benchmarks: `make bench` and `make bench-synth`."""
