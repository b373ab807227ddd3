"""The service's certificates, reloaded when their files change."""
