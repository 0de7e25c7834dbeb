"""Sketchy: the three published rows, and ours."""

from __future__ import annotations

import dataclasses

from keras_sketch.recipes.recipe import Augmentation, Published, Recipe, Stage

_PAPER = "Sketch => Label"
_NOTE = (
    "20,000 sketches of 125 classes, 160 each, 0.9/0.05/0.05 at random by sketch: a test sketch can have siblings, "
    "drawn from the same photo, in training"
)
# Which changes there were is the paper's, how large they were is not in it.
_CHANGES = Augmentation(rotation=15, shear=10, zoom=(0.9, 1.1), aspect=0.1, shift=0.1, flip=0.5, fill=255)


def _published(model: str, batch_size: int, stage: Stage, weights: str | None, **figures: float) -> Recipe:
    return Recipe(
        name=f"sketchy-{model.removeprefix('sketch_')}",
        summary=f"The paper's {model} on 125 classes, {stage.optimizer}: {figures['top1']:.2%} published.",
        dataset="sketchy",
        split="paper",
        model=model,
        image_size=224,
        batch_size=batch_size,
        augmentation=_CHANGES,
        light_on_dark=True,
        weights=weights,
        stages=(stage,),
        published=Published(_PAPER, figures, _NOTE),
    )


# The paper names both Adam and RMSprop for the baseline; its rate is Keras' default.
CNN = _published(
    "sketch_cnn",
    128,
    Stage(epochs=80, optimizer="adam", learning_rate=1e-3, schedule="inverse_time", decay=1e-4),
    None,
    top1=0.3540,
    top5=0.638,
    precision=0.3579,
    recall=0.3540,
    f1=0.3285,
)

# 32 on each of two GPUs. Rate of the decay, epochs and the first trained block are ours: the paper says that both
# networks were trained for equally many epochs, with their early layers frozen.
RESNET50 = _published(
    "resnet50",
    64,
    Stage(
        epochs=20, optimizer="adam", learning_rate=1e-4, schedule="inverse_time", decay=1e-4, train_from="conv4_block1"
    ),
    "imagenet",
    top1=0.8220,
    top5=0.946,
    precision=0.8372,
    recall=0.8220,
    f1=0.8200,
)
DENSENET121 = _published(
    "densenet121",
    64,
    dataclasses.replace(RESNET50.stages[0], optimizer="rmsprop"),
    "imagenet",
    top1=0.7703,
    top5=0.8732,
    precision=0.7732,
    recall=0.7703,
    f1=0.7553,
)

OURS = Recipe(
    name="sketchy",
    summary="Ours: DenseNet121 on all sketches, split by photo; the head first, then every layer.",
    dataset="sketchy",
    model="densenet121",
    image_size=224,
    batch_size=64,
    augmentation=dataclasses.replace(_CHANGES, unwarped=0.25),
    label_smoothing=0.1,
    light_on_dark=True,
    weights="imagenet",
    stages=(
        Stage(epochs=2, optimizer="adamw", learning_rate=1e-3, train_from="head", name="head"),
        Stage(
            epochs=18,
            optimizer="adamw",
            learning_rate=3e-4,
            schedule="cosine",
            warmup=0.1,
            weight_decay=0.05,
            name="fine-tune",
        ),
    ),
    published=dataclasses.replace(
        RESNET50.published, note=f"The paper's best of three networks, ResNet50. {_NOTE}; ours is split by photo"
    ),
)

RECIPES = (
    OURS,
    CNN,
    dataclasses.replace(
        CNN,
        name="sketchy-cnn-rmsprop",
        summary="The paper's sketch_cnn with RMSprop, the other optimizer that it names.",
        stages=(dataclasses.replace(CNN.stages[0], optimizer="rmsprop"),),
    ),
    RESNET50,
    DENSENET121,
)
