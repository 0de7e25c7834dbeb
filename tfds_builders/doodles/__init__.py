"""Doodles drawn by a program, as a TFDS dataset."""
