"""Benchmarks of the client beside bare nats-py in the same run. See ``python -m benchmarks --help``."""
