"""The Sketchy Database as a TFDS dataset."""

HOMEPAGE = "https://sketchy.eye.gatech.edu"
"""Where the authors publish it."""
