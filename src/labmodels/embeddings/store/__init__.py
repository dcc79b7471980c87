"""What the indexes hold: `truth` is the one SQLite file that is true, `derived` the files that make it fast and can be made again.

`builds` says which state of a domain is live, `rows` keeps a build's sources and chunks, `spaces` the vectors, `difference` decides what an
update has to look at and `update` does it, `reader` answers searches, `check` and `gc` are maintenance. How text becomes chunks and
vectors is left to `chunking` and `encoding`, what a search makes of the scores to the rest of `embeddings`.

A domain's states are counted: its generations. Each is a build (an encoder's space and a way of cutting) at a moment: the chunks that
were born at or before it and have not died. An update writes the next generation beside the live one, where nobody sees it, and makes it
live by moving one pointer; so a reader sees whole generations only, and a run that was killed is gone on with.
"""
