"""How much a key may use: reserved before a call, settled after it (docs/limits.md)."""
