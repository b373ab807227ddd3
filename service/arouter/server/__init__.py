"""Process management: the service, its workers, and the processes that `arouter up` starts."""
