"""Searches the indexes: `query` reads what was asked, `fusion` joins what was found, `search` runs it all over a reader."""
