"""The Envoy gateway: its configuration, and the code that renders and validates it."""
