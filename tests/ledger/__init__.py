"""Tests of labmodels.ledger."""
