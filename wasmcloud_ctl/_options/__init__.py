"""What a caller may give, and where it comes from: options, wash's contexts, credentials, TLS."""
