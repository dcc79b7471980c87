"""Graders: what is asked and what came back -> a score from 0 to 1. Pure. `retrieval` scores rankings against judgements."""
