"""Tables and buckets."""
