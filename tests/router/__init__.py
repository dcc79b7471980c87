"""Tests of labmodels.router."""
