"""The lab: real network elements on this machine, started and stopped by one command.

It plays the network and the customer's modem. State lies in `KAITONG_HOME/lab` and nowhere else.
"""
