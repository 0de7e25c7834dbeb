"""Routes that draw something: trained on drawings that a program laid onto streets, since real ones are few.

The dataset `route_art` is a test set; its own default recipe is `folder`'s.
"""

from __future__ import annotations

from keras_sketch.recipes.fine_tuning import fine_tune
from keras_sketch.recipes.recipe import Augmentation, Recipe, Stage

_CHANGES = Augmentation(
    rotation=10, shear=5, zoom=(0.85, 1.1), aspect=0.1, shift=0.06, flip=0.5, unwarped=0.25, fill=255
)

# Quick, Draw!'s classes that ImageNet has under the same name, so that a network trained on them can be tested on
# routes of these. Left out: `mouse` and `ear`, which are a computer's and of corn there.
SHARED_CLASSES = (
    *("aircraft carrier", "ambulance", "ant", "backpack", "banana", "barn", "baseball", "basketball", "bathtub", "bee"),
    *("binoculars", "bottlecap", "broccoli", "broom", "bucket", "candle", "cannon", "canoe", "castle", "cello"),
    *("church", "cup", "dishwasher", "dumbbell", "envelope", "flamingo", "frying pan", "hammer", "harp", "hourglass"),
    *("ice cream", "laptop", "lighter", "lion", "lipstick", "mailbox", "microphone", "microwave", "mushroom", "nail"),
    *("necklace", "paintbrush", "parachute", "pillow", "pineapple", "pizza", "purse", "radio", "remote control"),
    *("rifle", "school bus", "scorpion", "screwdriver", "shovel", "sleeping bag", "snail", "snorkel", "soccer ball"),
    *("sock", "speedboat", "stethoscope", "stove", "strawberry", "submarine", "syringe", "teapot", "television"),
    *("tiger", "toaster", "tractor", "traffic light", "trombone", "umbrella", "vase", "violin", "wine bottle", "zebra"),
)

DOODLES = Recipe(
    name="streets-doodles",
    summary="Generated doodles on generated streets, a small network: route art without any data.",
    dataset="doodles",
    config="streets",
    model="quickdraw_cnn",
    image_size=64,
    batch_size=64,
    augmentation=_CHANGES,
    stages=(Stage(epochs=15, optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=0.01),),
)

QUICKDRAW = Recipe(
    name="streets-quickdraw",
    summary="Drawings of 77 of ImageNet's classes on generated streets, DenseNet121 fine-tuned as fast.ai does.",
    dataset="quickdraw",
    config="streets",
    classes=SHARED_CLASSES,
    per_class=500,
    model="densenet121",
    image_size=224,
    batch_size=64,
    augmentation=_CHANGES,
    light_on_dark=False,
    weights="imagenet",
    stages=fine_tune(epochs=5),
)

RECIPES = (DOODLES, QUICKDRAW)
