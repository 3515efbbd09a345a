"""The simulated wadm of a practice lattice."""
