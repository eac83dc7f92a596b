"""Code that all functions share: events, validated requests, typed errors, responses, logs, AWS calls.

Import from the modules themselves (`from handlers.common.service import Service`), so that a cold start pays
only for what a function uses.
"""
