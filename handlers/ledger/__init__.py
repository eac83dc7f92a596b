"""Ledger of the meter: reserves and settles workflows, shows usage, sweeps reservations and warns of budgets."""
