"""What a caller may pass, and where else it comes from: arguments, options, wash's contexts, credentials, TLS."""
