"""Procedures of training, one file each with `step(state, batch, ...) -> stats`."""
