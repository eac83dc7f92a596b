"""The embeddings function: texts as vectors, and which of several texts is closest in meaning to another."""
