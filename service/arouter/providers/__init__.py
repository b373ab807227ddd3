"""The providers: presets (data), adapters (pure translation) and the driver (HTTP)."""
