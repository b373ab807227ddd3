"""The certificates of the service, read again when their files change."""
