"""The Envoy gateway: its configuration, and what renders and validates it."""
