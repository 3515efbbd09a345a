"""What operations do beyond one request."""
