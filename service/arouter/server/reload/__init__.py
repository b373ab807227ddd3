"""Takes a changed configuration while calls are in flight."""
