"""The chat function: language models and embeddings behind OpenAI's protocol."""
