"""Images in: scanning folders and zips, preparing them once, endless seekable batches."""
