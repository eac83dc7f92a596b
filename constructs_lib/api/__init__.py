"""The REST API: its routes, what answers them, its deployment and stage."""
