"""Routes: one module an interface."""
