"""Route art as a TFDS dataset."""
