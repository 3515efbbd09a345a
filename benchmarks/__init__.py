"""What the client costs, beside bare nats-py in the same run. ``python -m benchmarks --help`` tells how."""
