"""Quick, Draw!: the three published rows, and ours."""

from __future__ import annotations

from keras_sketch.recipes.recipe import Published, Recipe, Stage

_NOTEBOOK = "amelie-vogel/image-classification-quickdraw"


def _published(classes: tuple[str, ...], top1: float) -> Recipe:
    return Recipe(
        name=f"quickdraw-{len(classes)}",
        summary=f"The published network on {len(classes)} animals, 10,000 drawings each: {top1:.2%} published.",
        dataset="quickdraw",
        classes=classes,
        per_class=10_000,
        split="published",
        model="quickdraw_cnn",
        batch_size=128,
        stages=(Stage(epochs=15, optimizer="adam", learning_rate=1e-3),),
        published=Published(
            _NOTEBOOK, {"top1": top1}, "Split 67/33 at random, the same 33 % for choosing and for testing."
        ),
    )


RECIPES = (
    _published(("cow", "panda"), 0.9583),
    _published(("duck", "elephant", "frog", "rabbit"), 0.8783),
    _published(("camel", "cow", "duck", "elephant", "frog", "panda", "rabbit", "shark"), 0.8845),
)
