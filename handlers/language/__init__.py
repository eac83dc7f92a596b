"""The language function: which language a text is in, its mood, who and what it names, what it is about."""
