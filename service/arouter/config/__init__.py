"""Configuration: `arouter.yaml` and the environment, read once at start and frozen."""
