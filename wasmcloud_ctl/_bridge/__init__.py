"""Threads: the event loop on its thread, the hand-over between threads, and processes."""
