"""Chooses the endpoints for a request, and their order."""
