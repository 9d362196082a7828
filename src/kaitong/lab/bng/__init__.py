"""The PPPoE access server of the lab: what runs inside its user-mode kernel, and its files."""
