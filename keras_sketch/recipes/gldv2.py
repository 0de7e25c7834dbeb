"""Google Landmarks v2: each row of a student project's table, the local features before them, and ours."""

from __future__ import annotations

import dataclasses
import math

from keras_sketch.recipes.recipe import Augmentation, Published, Recipe, Stage

_SOURCE = "Student project on Landmark Recognition 2019"
_NOTE = (
    "1,067 classes of at least 250 images, 478,577 images, of Landmark Recognition 2019's 4,132,914 in 203,094; "
    "10,241 for test and validation; 128 x 128; two K80s"
)

# The project's: Adam from 1e-3 to 1e-5 "adaptively", batch 128 (256 for DELF), binary cross entropy over all classes,
# 128 x 128. Not said, and so ours: the weights at the start, the number of epochs, what makes the rate fall, how an
# image becomes square, how large the random crops are, and whether the split keeps images of one series together (we
# take by image, as most do).
_STAGE = Stage(epochs=30, learning_rate=1e-3, schedule="plateau", plateau=2, final_rate=1e-5, name="all")
_CROPS = Augmentation(crop=(0.5, 1.0), aspect=math.log(4 / 3))

RESNET50 = Recipe(
    name="gldv2-resnet50",
    summary="The project's ResNet50 at 128 pixels: GAP 0.012, accuracy 0.14 published.",
    dataset="gldv2",
    config="min250",
    split="image",
    model="resnet50",
    image_size=128,
    resize="stretch",
    batch_size=128,
    loss="binary_cross_entropy",
    weights="imagenet",
    stages=(_STAGE,),
    published=Published(_SOURCE, {"gap": 0.012, "top1": 0.14}, _NOTE),
)

GEM = dataclasses.replace(
    RESNET50,
    name="gldv2-resnet50-gem",
    summary="The project's ResNet50 with GeM pooling: GAP 0.04, accuracy 0.19 published.",
    model="resnet50_gem",
    published=Published(_SOURCE, {"gap": 0.04, "top1": 0.19, "train.gap": 0.2, "train.top1": 0.45}, _NOTE),
)

GEM_CROPS = dataclasses.replace(
    GEM,
    name="gldv2-resnet50-gem-crops",
    summary="The project's ResNet50 with GeM pooling on random crops: GAP 0.05, accuracy 0.25 published.",
    augmentation=_CROPS,
    published=Published(_SOURCE, {"gap": 0.05, "top1": 0.25, "train.gap": 0.16, "train.top1": 0.36}, _NOTE),
)

# The project gives no more of this row than its figures on the training split. Frozen, each tower runs once an image.
TWO_TOWERS = dataclasses.replace(
    RESNET50,
    name="gldv2-two-towers",
    summary="The project's VGG16-Places365 beside ResNet50, the head alone: GAP 0.1249, accuracy 0.32 in training.",
    model="vgg16_places365_resnet50",
    weights="vgg16=vgg16-places365_weights_tf_dim_ordering_tf_kernels_notop.h5,resnet50=imagenet",
    stages=(dataclasses.replace(_STAGE, train_from="head", name="head"),),
    published=Published(_SOURCE, {"train.gap": 0.1249, "train.top1": 0.32}, _NOTE),
)

# The two steps of the DELF paper (Noh et al. 2017, section 3.2): first the features, under softmax cross entropy and
# with average pooling, as constant attention is; then, with these fixed, the attention, by the same image labels. The
# paper trains at 224 and at 720 pixels; its rates and epochs are not said, and these are ours.
DELF = dataclasses.replace(
    RESNET50,
    name="gldv2-delf",
    summary="DELF's two steps, the features and then the attention, for `keras-sketch extract`.",
    model="delf_resnet50",
    batch_size=256,
    augmentation=_CROPS,
    loss="cross_entropy",
    stages=(
        dataclasses.replace(_STAGE, epochs=20, learning_rate=1e-4, frozen=("attention",), name="descriptors"),
        dataclasses.replace(_STAGE, epochs=10, train_from="attention", name="attention"),
    ),
    published=None,
)

# The local features and the PCA are those of `gldv2-delf`, and stay as they are. How large the dense layer is, and the
# dropout, are not said.
DELF_BOTTLENECK = dataclasses.replace(
    RESNET50,
    name="gldv2-delf-bottleneck",
    summary="The project's 150 DELF features, then a bottleneck: GAP 0.1035, accuracy 0.30 published.",
    model="delf_resnet50_matrix",
    batch_size=256,
    weights="features/gldv2-delf-on-gldv2/delf.weights.h5",
    bottleneck=512,
    dropout=0.5,
    stages=(dataclasses.replace(_STAGE, train_from="head", name="head"),),
    published=Published(_SOURCE, {"gap": 0.1035, "top1": 0.30}, _NOTE),
)

# The project's findings were overfitting and too small images; it wished for more regularization, more classes, larger
# images, and crops that know the imbalance. What they name besides, ResNet101, is `--model resnet101_gem`. A margin on
# cosines is what the winners of the challenges trained with (Deng et al. 2019). Written without the full data at hand;
# the values have not been searched for.
OURS = Recipe(
    name="gldv2",
    summary="Ours: ResNet50 with GeM pooling at 224 pixels, ArcFace, classes sampled equally often, split by series.",
    dataset="gldv2",
    config="min100-256px",
    model="resnet50_gem",
    image_size=224,
    resize="stretch",
    batch_size=64,
    augmentation=dataclasses.replace(_CROPS, flip=0.5, rotation=5, jitter=0.2, unwarped=0.1, erasing=0.25),
    label_smoothing=0.1,
    loss="arcface",
    margin=0.3,
    scale=30.0,
    balance="sampling",
    weights="imagenet",
    dropout=0.2,
    stages=(
        Stage(2, 1e-3, optimizer="adamw", schedule="one_cycle", warmup=0.3, train_from="head", name="head"),
        Stage(
            18,
            3e-4,
            optimizer="adamw",
            schedule="one_cycle",
            warmup=0.2,
            weight_decay=0.05,
            group_rates=(0.1, 0.3, 1.0),
            norm_momentum=0.9,
            name="all",
        ),
    ),
    published=dataclasses.replace(
        GEM_CROPS.published,
        note=f"The project's best of one network, without local features. {_NOTE}; ours is split by series",
    ),
)

RECIPES = (OURS, RESNET50, GEM, GEM_CROPS, DELF, DELF_BOTTLENECK, TWO_TOWERS)
