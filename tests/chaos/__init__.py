"""Unkillable: a small operator at work while everything it runs on is killed, again and again.

`harness` starts a PostgreSQL of its own, workers, the web, people and the world outside, kills them
at random moments and starts them again; `verdict` then looks whether anything was lost or done
twice. The processes that are run lie in `processes/`: a new element of BPMN is a few lines there.
"""
