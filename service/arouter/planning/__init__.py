"""Choosing the endpoints that may answer a request, and their order."""
