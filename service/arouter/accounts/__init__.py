"""Accounts and API keys: what they allow, how they are managed, and the key cache. SQL is behind interfaces."""
