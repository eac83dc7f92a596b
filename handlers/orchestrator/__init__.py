"""The orchestrator function: one endpoint that lists the AI services and calls them by name."""
