"""A folder of the user's images as a TFDS dataset."""
