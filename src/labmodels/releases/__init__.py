"""What is live: plans, releases, switches, history, rollback and drift of each environment.

Declared state comes in; routing reads what comes out.
"""
