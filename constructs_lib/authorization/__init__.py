"""Who may call: the kinds of authorization, authorizers, API keys and usage plans."""
