"""`prepare`: a dataset made ready without training."""

from __future__ import annotations

from pathlib import Path

from keras_sketch.workflows.tensorflow_start import start_tensorflow


def prepare(
    dataset: str,
    config: str | None = None,
    split: str | None = None,
    classes: tuple[str, ...] = (),
    per_class: int | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    max_bad: float | None = None,
    beam: str | None = None,
) -> None:
    """Downloads or reads a dataset and stores it ready for training.

    Args:
        dataset: A name that `keras-sketch list` gives; - may stand for _.
        config: The dataset's config.
        split: The split scheme.
        classes: Class names, with commas between them. Default: all.
        per_class: At most so many examples a class.
        data_dir: Where prepared datasets are kept. Default: TensorFlow Datasets' own folder.
        manual_dir: A folder with the dataset as published. Default: it is downloaded.
        max_bad: Largest share of bad examples that is accepted, 0 to 1. Default: the dataset's own, 0.01.
        beam: Options of Apache Beam, with commas between them (runner=DirectRunner): prepares with it, on as many
            machines as the runner has. For gldv2 alone. Default: without Beam.
    """
    start_tensorflow()
    from keras_sketch.data.sources import prepare as prepare_builder
    from keras_sketch.workflows.arguments import split_names

    builder = prepare_builder(
        dataset, config, split, split_names(classes), per_class, max_bad, data_dir, manual_dir, beam
    )
    counts = ", ".join(f"{each.num_examples:,} {name}" for name, each in builder.info.splits.items())
    print(f"{builder.data_dir}: {counts}; {builder.info.features['label'].num_classes} classes")
    for picture in sorted(Path(builder.data_dir).glob("*.png")):
        print(f"Look at {picture}.")
    for name, leaked in builder.info.metadata.get("leaked", {}).items():
        if int(leaked):
            total = builder.info.splits[name].num_examples
            have, them = ("has", "it") if int(leaked) == 1 else ("have", "them")
            print(
                f"{leaked} of {total} {name} examples {have} a sibling in training: figures on {them} will be too good."
            )
