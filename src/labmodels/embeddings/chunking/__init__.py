"""Cuts documents into chunks, one file a kind of content: `chunker` picks among them, `packing` keeps every chunk's bound."""
