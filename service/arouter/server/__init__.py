"""Processes: the service's own, its workers, and those that `arouter up` starts beside it."""
