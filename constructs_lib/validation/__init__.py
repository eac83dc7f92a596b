"""What a request must look like: JSON Schemas from types, as API Gateway takes them."""
