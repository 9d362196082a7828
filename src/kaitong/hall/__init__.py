"""The business hall (营业厅): queue numbers, counters, and the form a customer fills in there."""
