"""Architectures: one folder each, with a torch-free `config.py` and a `networks.py`."""
