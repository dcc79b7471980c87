"""Finds what else speaks of a passage: `signs` reads what it names, `mentions` who names the same, `neighbours` who is near in meaning.

Nothing is stored: a link is computed when it is asked for, so that it is gone with its source.
"""
