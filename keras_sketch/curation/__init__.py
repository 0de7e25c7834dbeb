"""What the dataset builders share: stable splits, the manifest of bad examples, and the decode check."""
