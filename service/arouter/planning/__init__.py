"""Which endpoints may answer a request, and in which order."""
