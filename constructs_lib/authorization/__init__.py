"""Authorizations of routes, authorizers and user pools."""
