"""Figures for the manager (运营指标): facts of orders and work, and summaries kept with them."""
