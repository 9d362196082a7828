"""Work at the customer's (外线施工): the live check, and what an installer changes on the spot."""
