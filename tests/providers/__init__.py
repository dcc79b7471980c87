"""Tests of labmodels.providers."""
