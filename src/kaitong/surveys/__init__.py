"""Asking customers how content they are (满意度调查): at the counter, by link, by telephone."""
