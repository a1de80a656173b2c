"""Progressive growing: one network after the other, each twice as large."""
