"""The studio: a local web page for everything ganvas does (extra `studio`)."""
