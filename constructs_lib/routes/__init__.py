"""Routes and authorizations as data, without Terraform resources."""
