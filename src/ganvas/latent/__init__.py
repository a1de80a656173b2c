"""What a trained generator can do: pictures from seeds, and how they came to be."""
