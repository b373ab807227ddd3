"""Metrics: what they are called, and the port where Prometheus finds them."""
