"""REST API: routes, integrations, deployment and stage."""
