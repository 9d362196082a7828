"""Reading a playbook: its folder, then what stands in it, a room for each part that is checked.

Every room is given the folder and adds what is wrong to its faults; `playbooks.loader` calls them
in their order.
"""
