"""Customers, their identity documents, agents and contacts (客户, 证件, 代办人, 联系人)."""
