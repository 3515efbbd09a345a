"""The wire format: subjects, JSON, CloudEvents, JetStream and trace headers. No other package parses JSON."""
