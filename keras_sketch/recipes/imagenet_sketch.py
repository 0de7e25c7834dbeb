"""ImageNet-Sketch: the five networks that were fine-tuned on it to classify routes, and ours."""

from __future__ import annotations

from keras_sketch.recipes.fine_tuning import fine_tune
from keras_sketch.recipes.recipe import Augmentation, Published, Recipe

# What fast.ai's `aug_transforms` does when nothing else is said, but for its perspective (0.2) and its chance of a
# quarter that colours stay; around the turned sketch there is paper, where it mirrors the picture. The paper does not
# say whether it changed its sketches.
_CHANGES = Augmentation(rotation=10, zoom=(1.0, 1.1), flip=0.5, unwarped=0.25, jitter=0.2, fill=255)


def _published(model: str, image_size: int, before: tuple[float, float], after: tuple[float, float]) -> Recipe:
    return Recipe(
        name=f"imagenet_sketch-{model}",
        summary=f"The paper's {model}, fine-tuned as fast.ai does: {after[0]:.2%} published on 126 routes.",
        dataset="imagenet_sketch",
        model=model,
        # The side for which the published weights are meant; the paper's is not known.
        image_size=image_size,
        batch_size=24,
        augmentation=_CHANGES,
        light_on_dark=False,
        weights="imagenet",
        head="pretrained",
        # 2e-3 is published for 32x8d alone, and is fast.ai's default; the number of epochs is ours.
        stages=fine_tune(epochs=5, learning_rate=2e-3),
        published=Published(
            '"Strava art" student paper',
            {"top1": after[0], "top5": after[1], "top1_before": before[0], "top5_before": before[1]},
            "126 screenshots of routes, after fine-tuning on ImageNet-Sketch",
        ),
    )


OURS = Recipe(
    name="imagenet_sketch",
    summary="Ours: DenseNet121 with its own 1000 outputs, fine-tuned as fast.ai does.",
    dataset="imagenet_sketch",
    model="densenet121",
    image_size=224,
    batch_size=64,
    augmentation=_CHANGES,
    light_on_dark=False,
    weights="imagenet",
    head="pretrained",
    stages=fine_tune(epochs=8),
)

RECIPES = (
    OURS,
    _published("resnet50", 224, (0.0, 0.0159), (0.0555, 0.1666)),
    _published("efficientnet_b5", 456, (0.0079, 0.0318), (0.0793, 0.1825)),
    _published("inception_resnet_v2", 299, (0.0159, 0.0397), (0.0714, 0.1984)),
    _published("ig_resnext101_32x8d", 224, (0.2698, 0.5238), (0.2857, 0.4603)),
    _published("ig_resnext101_32x16d", 224, (0.2857, 0.5476), (0.2301, 0.3492)),
)
