"""The repositories in SQL: SQLite by default, PostgreSQL by URL. They are never on the request path."""
