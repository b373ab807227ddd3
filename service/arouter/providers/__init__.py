"""The providers: who they are (presets), how they speak (adapters, pure) and the one driver that talks to them."""
