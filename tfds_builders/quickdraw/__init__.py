"""Quick, Draw! as a TFDS dataset."""
