"""The models: those configured, those from the providers' model lists, and their metadata."""
