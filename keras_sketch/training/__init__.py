"""Fitting a classifier: stages, schedules, devices, checkpoints, resuming."""
