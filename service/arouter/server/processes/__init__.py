"""Worker processes: started, monitored, replaced and stopped together."""
