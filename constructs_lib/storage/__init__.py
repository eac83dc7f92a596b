"""What is kept: tables and buckets."""
