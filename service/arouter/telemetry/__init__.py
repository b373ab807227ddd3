"""What the platform's own tools are told."""
