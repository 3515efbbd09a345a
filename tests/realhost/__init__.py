"""Real wasmCloud 1.9.2 hosts for the tests: the program, the files it loads, and what it was heard to say.

``artifacts`` makes components and a provider, ``harness`` builds the program and runs hosts, and ``python -m
tests.realhost.capture OUT.jsonl`` writes down what two of them answer.
"""
