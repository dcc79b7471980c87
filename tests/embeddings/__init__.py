"""Tests of labmodels.embeddings."""
