"""Request validation: JSON Schemas for API Gateway from pydantic models."""
