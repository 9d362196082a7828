"""撤单 on the order page: the plan in numbers, reasons of two levels, one act whatever happens."""
