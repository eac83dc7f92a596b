"""Long-running workflows as jobs: started over HTTP, looked at over HTTP, finished by their state machine."""
