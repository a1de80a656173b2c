"""One file for somebody else's program: a module a format, each with its own `write`."""
