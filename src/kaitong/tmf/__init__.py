"""TM Forum Open APIs (v4): contracts as declarations, validation, paging, tokens, routes."""
