"""Trains a classifier: `python train.py --dataset NAME`; `--help` lists the options."""

from keras_sketch.cli import train_main

if __name__ == "__main__":
    train_main()
