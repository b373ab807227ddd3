"""Applies configuration changes while calls are in flight."""
