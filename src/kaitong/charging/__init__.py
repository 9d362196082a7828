"""Charges, payments and refunds (收费): integer fen, double entry."""
