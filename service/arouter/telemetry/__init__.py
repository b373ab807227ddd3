"""Telemetry for the platform's own tools: metrics for Prometheus, spans for OpenTelemetry."""
