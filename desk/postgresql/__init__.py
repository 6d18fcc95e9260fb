"""Django's PostgreSQL backend, whose server soon notices that a client's host is gone."""
