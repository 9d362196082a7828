"""What the TM Forum contracts demand, declared once; all else is derived from it."""
