"""Assurance (保障): faults and complaints, common causes, alarms, call-backs, shift hand-over."""
