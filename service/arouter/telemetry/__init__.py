"""What the platform's own tools are told: metrics for Prometheus, spans for OpenTelemetry."""
