"""The wire: subjects, JSON, CloudEvents, JetStream. The only package that parses JSON."""
