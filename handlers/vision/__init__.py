"""The vision function: text and labels of an image."""
