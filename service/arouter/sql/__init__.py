"""What must survive a restart, in SQL: SQLite by default, PostgreSQL by URL. Never on the request path."""
