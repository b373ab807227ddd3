"""Converts between the typed chat messages of `arouter.v1` and the canonical form, OpenAI's JSON as plain objects."""
