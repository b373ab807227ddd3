"""Worker processes: started, watched, replaced and stopped together."""
