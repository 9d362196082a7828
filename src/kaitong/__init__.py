"""Kaitong (开通): from the customer's request to the working telecom service."""

__version__ = "0.1.0"
