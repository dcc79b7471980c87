"""Encoders turn text into vectors: `encoder` chooses one for a configuration, `protocol` says what each of them keeps.

`weights` finds a model, `fingerprint` names the space that it makes, `graph` and `export` bring it into a form that `exported` runs
fast and without torch, `parity` says whether that form may stand for `reference`, `remote` asks an endpoint. What is cut into chunks,
stored and searched is left to the rest of `embeddings`.
"""
