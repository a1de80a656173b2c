"""The command line: parses, prints, draws; nothing below it does."""
