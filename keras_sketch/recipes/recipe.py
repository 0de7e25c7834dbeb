"""What a recipe is: a frozen value that says everything about a run but where it is stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from keras_sketch.recipes.rate_scaling import multiplied, rate_factor


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of the training images, drawn anew for each image and epoch; as constructed: none.

    Rotation, shear, zoom, aspect, shift, flip and elastic are one warp with bilinear interpolation. Where only one
    value is given, the change is drawn uniformly from plus or minus it.

    Attributes:
        rotation: Degrees.
        shear: Degrees.
        zoom: Smallest and largest size, 1 being the stored one; drawn on a logarithmic scale.
        aspect: Natural logarithm of the width's zoom, taken from the height's.
        shift: Share of the height and of the width.
        crop: Smallest and largest share of the area that is cut out at a random place and enlarged to the whole size;
            `aspect` changes its shape. The rectangle itself lies within the picture; rotation and shift then move what
            it shows, which can bring in what lies beside it, or paper.
        flip: Probability of a mirrored image.
        elastic: Standard deviation, as a share of the side, of a smooth random displacement on a 4 x 4 grid
            (after Simard et al. 2003).
        unwarped: Probability of an image that is at most mirrored. Interpolation softens all others; a network that
            never saw a crisp line does worse on the real ones.
        thickness: Probability of thicker or thinner strokes; for light ones on a dark ground.
        fill: The grey, 0..255, of the paper.
        jitter: Largest change of brightness (a share of the range), contrast and saturation (relative), 0 to 0.4.
        erasing: Probability of a rectangle that is filled with `fill`.
        mixup: Alpha of MixUp's Beta distribution, 0 to 1; 0: none. With `cutmix` too, each batch gets one of the two.
        cutmix: Alpha of CutMix's Beta distribution, 0 to 1; 0: none.
        policy: A KerasCV policy by name, such as `"rand_augment"` or `"grid_mask"`; its draws do not repeat, and some
            mix labels.
    """

    rotation: float = 0.0
    shear: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    aspect: float = 0.0
    shift: float = 0.0
    crop: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    elastic: float = 0.0
    unwarped: float = 0.0
    thickness: float = 0.0
    fill: float = 0.0
    jitter: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    policy: str | None = None


@dataclasses.dataclass(frozen=True)
class Stage:
    """One `fit`: an optimizer, a schedule and a number of epochs.

    Attributes:
        epochs: Passes over the training split.
        learning_rate: The rate, or the highest one of a schedule.
        optimizer: `"adam"`, `"adamw"`, `"fastai_adam"` (fast.ai's settings of AdamW), `"rmsprop"` or `"sgd"`
            (Nesterov, momentum 0.9).
        schedule: `"constant"`; `"plateau"`: the rate times 0.3 after `plateau` epochs without a better validation loss
            (training loss where there is no validation), down to `final_rate`; `"cosine"`: linear warm-up, then half a
            cosine down to zero; `"inverse_time"`: the rate divided by 1 + `decay` * step, as the argument `decay` of
            Keras 2's optimizers did; or `"one_cycle"`: half a cosine up from the rate divided by `start_divisor`, then
            half a cosine down to a 100,000th of it, `"fastai_adam"`'s momentum going from 0.95 to 0.85 and back
            (fast.ai's `fit_one_cycle`).
        warmup: Share of the stage's steps that warm up, 0 to 1; for `"cosine"` and `"one_cycle"`.
        decay: A step; for `"inverse_time"`.
        plateau: Epochs without a better loss before the rate falls; for `"plateau"`.
        final_rate: The lowest rate; for `"plateau"`.
        weight_decay: Decoupled decay; kernels only, not biases or normalization.
        train_from: The first block of layers that is trained, those before it being frozen; `"head"`: the head alone;
            `"all"`: everything.
        frozen: Blocks of layers that are not trained all the same, wherever they are.
        train_norm: Whether frozen blocks' BatchNormalization is trained all the same, its moving statistics included.
        norm_momentum: How much BatchNormalization's moving statistics keep of themselves in a step, 0 to 1; None: as
            the network has it.
        group_rates: Multiples of the rate for as many layer groups, from the input to the head, which is the last of
            them; the backbone's blocks are shared out evenly among the others. Empty: one rate for all.
        start_divisor: What the rate of `"one_cycle"` is divided by at its start.
        feature_views: Where layers are frozen and images are augmented: how many augmented views of each image are
            taken through the frozen layers, once each, and trained on in turn; 0: every epoch has new views, and the
            frozen layers compute at every step. Images that are not augmented have one view, always taken once.
        name: What the logs call the stage.
    """

    epochs: int
    learning_rate: float
    optimizer: str = "adam"
    schedule: str = "constant"
    warmup: float = 0.0
    decay: float = 0.0
    plateau: int = 2
    final_rate: float = 0.0
    weight_decay: float = 0.0
    train_from: str = "all"
    frozen: tuple[str, ...] = ()
    train_norm: bool = False
    norm_momentum: float | None = None
    group_rates: tuple[float, ...] = ()
    start_divisor: float = 25.0
    feature_views: int = 0
    name: str = "train"


@dataclasses.dataclass(frozen=True)
class Published:
    """A figure that somebody else published, to stand beside ours.

    Attributes:
        source: Where it was published.
        figures: Shares in 0..1, by the names of `metrics.json`; with `_before`, of the network before fine-tuning; as
            `STAGE.top1`, of the stage of that name; as `train.top1` or `train.gap`, of training images.
        note: On what data and split it was measured.
    """

    source: str
    figures: Mapping[str, float]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything about a run but where it is stored.

    Attributes:
        name: What `--recipe` takes.
        summary: One line: where the recipe comes from.
        dataset: A name from `list_datasets()`.
        model: A name from `list_models()`.
        stages: The stages, in order.
        config: The dataset's config; None: its default.
        classes: Class names; empty: all.
        per_class: At most so many examples a class; None: all.
        split: The split scheme; None: the dataset's default.
        image_size: Side in pixels; None: as stored.
        resize: How an image becomes square: `"pad"`, `"stretch"` or `"crop"`.
        batch_size: Examples a step, over all devices together.
        rate_scaling: How the rates follow when the batch size is changed: `"none"`: not at all; `"linear"`: as it does;
            or `"sqrt"`: as its square root (`recipes/rate_scaling.py` names the sources).
        rate_batch_size: Where that rule has changed the rates: the batch size that they were given for; None: as given.
        augmentation: Random changes of the training images.
        label_smoothing: Share of the target given to the other classes, 0 to 1.
        loss: `"cross_entropy"`; `"haversine"`: that plus `alpha` times the expected distance to the true country;
            `"haversine_smoothing"`: cross entropy with targets that fall off with the distance, both for datasets
            whose classes are countries; `"binary_cross_entropy"`: each class by itself, the mean over the classes; or
            `"arcface"` or `"cosface"`: cross entropy of cosines with a margin.
        alpha: Weight of the distance, in Earth radii, in the loss `"haversine"`; at least 0.
        tau: The distance, in km, over which the targets of `"haversine_smoothing"` fall by a factor of e. With all
            countries take a smaller one: at 250 km, 32 % of 250 countries have a target below one half for themselves.
        margin: What `"arcface"` adds to the angle (in radians) to the true class, or `"cosface"` takes from its cosine.
        scale: What the cosines of `"arcface"` and `"cosface"` are multiplied by to give logits.
        balance: `"none"`; `"weights"`: each class has the same weight in the loss; or `"sampling"`: each class has the
            same number of examples in an epoch, those of small classes being repeated.
        patience: Epochs without a better validation loss before training stops; None: never.
        weights: None: random; `"imagenet"`; a weights file; or, of two towers, `"TOWER=WEIGHTS,TOWER=WEIGHTS"`.
        head: `"new"`: a random output layer for the dataset's classes; `"pretrained"`: that of the weights, for
            datasets with all of ImageNet's classes in its order.
        pooling: What makes a row of numbers of the backbone's maps: `"avg"`, `"gem"` (generalized mean, one learnt
            exponent), `"gem_channels"` (one a channel) or `"attention"`; None: as the network has it.
        bottleneck: Units of a dense layer with BatchNormalization, ReLU and dropout before the output; 0: none.
        dropout: Rate before the output layer; None: as the network has it.
        light_on_dark: Whether drawings on light paper are inverted; None: as the model does by itself.
        seed: Of the weights, the order, the augmentation.
        published: The figure to compare with.
    """

    name: str
    summary: str
    dataset: str
    model: str
    stages: tuple[Stage, ...]
    config: str | None = None
    classes: tuple[str, ...] = ()
    per_class: int | None = None
    split: str | None = None
    image_size: int | None = None
    resize: str = "pad"
    batch_size: int = 128
    rate_scaling: str = "none"
    rate_batch_size: int | None = None
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = 0.0
    loss: str = "cross_entropy"
    alpha: float = 2.5
    tau: float = 250.0
    margin: float = 0.3
    scale: float = 30.0
    balance: str = "none"
    patience: int | None = None
    weights: str | None = None
    head: str = "new"
    pooling: str | None = None
    bottleneck: int = 0
    dropout: float | None = None
    light_on_dark: bool | None = None
    seed: int = 0
    published: Published | None = None

    @property
    def epochs(self) -> int:
        """Epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def with_changes(
        self,
        epochs: int | None = None,
        learning_rate: float | None = None,
        train_from: str | None = None,
        policy: str | None = None,
        **changes,
    ) -> Recipe:
        """Returns the recipe with other values.

        Args:
            epochs: Epochs of the last stage.
            learning_rate: The last stage's rate; those of the stages before it, and the lowest ones, change by the same
                factor. None: where the batch size changes, all rates follow it as `rate_scaling` says.
            train_from: The first block that the last stage trains.
            policy: The augmentation's policy.
            **changes: Fields of the recipe.
        """
        stages, size = self.stages, changes.get("batch_size", self.batch_size)
        if learning_rate is not None:
            stages = multiplied(stages, learning_rate / stages[-1].learning_rate)
            stages = (*stages[:-1], dataclasses.replace(stages[-1], learning_rate=learning_rate))
            changes["rate_batch_size"] = None
        elif (factor := rate_factor(changes.get("rate_scaling", self.rate_scaling), self.batch_size, size)) != 1:
            stages, given_for = multiplied(stages, factor), self.rate_batch_size or self.batch_size
            changes["rate_batch_size"] = None if given_for == size else given_for
        if epochs is not None:
            stages = (*stages[:-1], dataclasses.replace(stages[-1], epochs=epochs))
        if train_from is not None:
            stages = (*stages[:-1], dataclasses.replace(stages[-1], train_from=train_from))
        if policy is not None:
            changes["augmentation"] = dataclasses.replace(self.augmentation, policy=policy)
        return dataclasses.replace(self, stages=stages, **changes)

    def from_scratch(self) -> Recipe:
        """Returns the recipe for random weights, with a new head.

        Up to the first stage that was to train everything, or the last one, each trains everything at one rate, but for
        what a later stage begins with; those after it are as they were.
        """
        blocks = [stage.train_from for stage in self.stages]
        whole = blocks.index("all") if "all" in blocks else len(blocks) - 1
        stages = [
            dataclasses.replace(
                stage,
                train_from="all",
                frozen=tuple(block for block in stage.frozen if block in blocks[place + 1 :]),
                group_rates=(),
            )
            for place, stage in enumerate(self.stages[: whole + 1])
        ]
        return dataclasses.replace(self, stages=(*stages, *self.stages[whole + 1 :]), weights=None, head="new")

    def to_dict(self) -> dict:
        """Returns plain dicts, lists and values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping) -> Recipe:
        """Builds the recipe that `to_dict` described."""
        published, augmentation = values["published"], values["augmentation"]
        if isinstance(values["classes"], str):
            raise TypeError(f"classes is not a list but {values['classes']!r}")
        return cls(
            **{
                **values,
                "classes": tuple(values["classes"]),
                "stages": tuple(
                    Stage(**{**stage, **{name: tuple(stage.get(name, ())) for name in ("group_rates", "frozen")}})
                    for stage in values["stages"]
                ),
                "augmentation": Augmentation(
                    **{
                        **augmentation,
                        "zoom": tuple(augmentation["zoom"]),
                        "crop": tuple(augmentation.get("crop", Augmentation.crop)),
                    }
                ),
                "published": Published(**published) if published else None,
            }
        )
