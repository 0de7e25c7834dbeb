"""`retrieve`: landmarks recognized by the images whose local features are most alike."""

from __future__ import annotations

import csv
import itertools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError
from keras_sketch.files import atomic_write
from keras_sketch.workflows.evaluation_folder import EvaluationFolder
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.local_features import LandmarkIndex, LocalFeatureStore, Recognition

_INDEXED, _QUERIED = "train", ("test", "distractors")
_SHOWN = 12
_PICTURE = "retrieved.png"


class RetrievalFolder(EvaluationFolder):
    """The folder of recognition by retrieval: `retrieval.json` is written first and `report.md` last."""

    SETTINGS = "retrieval.json"
    KIND, ONE = "retrieval", "a retrieval"
    HOW_TO_FINISH = "Retrieve again, as before."
    MAY_DIFFER = ("versions", "store.data.prepared_in", "store.data.manual_dir")


class _Query(NamedTuple):
    """One query: where it is from, and what was found first; None: nothing."""

    split: str
    place: int
    name: str
    label: int
    found: Recognition | None


def retrieve(
    store: str,
    images: tuple[str, ...] = (),
    max_features: int | None = None,
    neighbours: int = 10,
    candidates: int = 20,
    data_dir: str | None = None,
    output_dir: str | None = None,
) -> dict:
    """Recognizes landmarks by the images of a store that have the same local features at the same places.

    The images of the training split are searched.

    Args:
        store: The folder of a store of local features, as `keras-sketch extract` writes it.
        images: Image files to recognize. Default: the store's test split, and its distractors.
        max_features: The strongest so many features of each image. Default: all that are stored.
        neighbours: Of each feature, which it votes for.
        candidates: Images with the most votes, whose features are matched with the query's.
        data_dir: Where the prepared dataset is kept, for the pictures in the report. Default: where it was.
        output_dir: The folder to write; the same retrieval in it is replaced. Default: retrievals/STORE; for image
            files, nothing is written.

    Returns:
        What `metrics.json` holds: `top1` and `gap` in 0..1, `intervals`, and counts; for image files, by path the
        landmarks found, surest first, each with `label`, `score` and `image_id`.

    Raises:
        KerasSketchError: No store there, or one without a training split; or the folder holds something else.
    """
    for name, value in (("max_features", max_features), ("neighbours", neighbours), ("candidates", candidates)):
        if value is not None and value < 1:
            raise InvalidArgumentError(name, "at least 1", value)
    if images and output_dir is not None:
        raise InvalidArgumentError("output_dir", "left out for image files: what they show is printed", output_dir)
    from keras_sketch.local_features import LocalFeatureStore

    opened = LocalFeatureStore(store)
    search = dict(neighbours=neighbours, candidates=candidates)
    if images:
        return _recognize_files(opened, images, max_features, search)
    queried = [split for split in _QUERIED if split in opened.splits and opened.num_images(split)]
    if not queried:
        raise MissingDataError(f"{store} holds no test split. Name image files with --images.")
    folder = RetrievalFolder(output_dir or Path("retrievals") / os.path.basename(os.path.abspath(store)))
    folder.replace(_settings(opened, queried, max_features, search), opened.class_names)
    index = _index(opened, max_features)
    found = _search(index, opened, queried, max_features, search)
    metrics = _metrics(found, index, opened.class_names)
    _write(folder.path, found, opened.class_names, metrics)
    missing = _draw(folder.path, found, opened, index, data_dir)
    _report(folder.path, store, metrics, missing)
    return metrics


def _settings(store: LocalFeatureStore, queried: list[str], max_features: int | None, search: dict) -> dict:
    from keras_sketch import __version__

    made = {name: value for name, value in store.settings.items() if name not in ("versions", "class_names")}
    options = {"max_features": max_features, **search}
    return {"store": made, "queried": queried, **options, "versions": {"keras_sketch": __version__}}


def _index(store: LocalFeatureStore, max_features: int | None) -> LandmarkIndex:
    from tqdm import tqdm

    from keras_sketch.local_features import LandmarkIndex

    total = store.num_images(_INDEXED)
    with tqdm(total=total, desc="Index", unit="image", delay=2, disable=None) as bar:
        return LandmarkIndex.from_store(store, _INDEXED, max_features, bar.update)


def _search(
    index: LandmarkIndex, store: LocalFeatureStore, queried: list[str], max_features: int | None, search: dict
) -> list[_Query]:
    from tqdm import tqdm

    found = []
    for split in queried:
        rows, again = itertools.tee(store.read(split))
        features = (each.strongest(max_features) for _, _, each in rows)
        answers = index.recognize_all(features, top=1, **search)
        total = store.num_images(split)
        with tqdm(total=total, desc=f"Search for {split}", unit="image", delay=2, disable=None) as bar:
            for place, ((name, label, _), best) in enumerate(zip(again, answers, strict=True)):
                found.append(_Query(split, place, name, label, best[0] if best else None))
                bar.update()
    return found


def _metrics(found: list[_Query], index: LandmarkIndex, class_names: tuple[str, ...]) -> dict:
    from keras_sketch.evaluation.gap import gap_interval
    from keras_sketch.evaluation.intervals import wilson_interval
    from keras_sketch.metrics import global_average_precision

    true = np.array([query.label for query in found])
    best = np.array([query.found.label if query.found else -1 for query in found])
    scores = np.array([query.found.score if query.found else -1.0 for query in found])
    known = true >= 0
    counts = {
        "num_queries": len(found),
        "num_distractors": int((~known).sum()),
        "num_indexed": len(index.ids),
        "num_landmarks": len(set(index.labels)),
    }
    if not known.any():
        return {**counts, "intervals": {}}
    hits = int((true == best)[known].sum())
    # An image of nothing for which nothing is found is in no ranking.
    ranked = known | (best >= 0)
    intervals = {
        "top1": list(wilson_interval(hits, int(known.sum()))),
        "gap": list(gap_interval(true[ranked], best[ranked], scores[ranked])),
    }
    top1, gap = hits / int(known.sum()), global_average_precision(true, best, scores)
    return {"top1": top1, "gap": gap, **counts, "intervals": intervals}


def _write(folder: Path, found: list[_Query], class_names: tuple[str, ...], metrics: dict) -> None:
    with atomic_write(folder / "retrieval.csv") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "true", "best", "score", "matched_image", "inliers"])
        for query in found:
            true = class_names[query.label] if query.label >= 0 else ""
            answer = [""] * 4
            if best := query.found:
                answer = [class_names[best.label], f"{best.score:.4f}", best.image_id, best.num_inliers]
            writer.writerow([query.name, true, *answer])
    with atomic_write(folder / "metrics.json") as file:
        json.dump(metrics, file, indent=2)


def _draw(
    folder: Path, found: list[_Query], store: LocalFeatureStore, index: LandmarkIndex, data_dir: str | None
) -> str:
    """Draws some queries with what was found, evenly from the surest to the least sure; returns why it could not."""
    answered = sorted((query for query in found if query.found), key=lambda query: -query.found.score)
    if not answered:
        return "Nothing was found for any query."
    from keras_sketch.data import reopen_dataset
    from keras_sketch.evaluation.retrieval_report import caption, draw_retrieved

    made = store.settings["preprocessing"]
    try:
        data = reopen_dataset(store.settings["data"], made["image_size"], made["resize"], data_dir)
    except (MissingDataError, BadDataError) as error:
        return f"There is no picture: {error}"
    places = np.unique(np.linspace(0, len(answered) - 1, min(_SHOWN, len(answered))).round().astype(int))
    shown = [answered[place] for place in places]
    queries = np.stack([data.splits[query.split].images([query.place])[0] for query in shown])
    where = [index.ids.index(query.found.image_id) for query in shown]
    matched = np.stack([data.splits[_INDEXED].images([place])[0] for place in where])
    names = store.class_names
    captions = [
        caption(names[q.label] if q.label >= 0 else "no landmark", names[q.found.label], q.found.num_inliers)
        for q in shown
    ]
    draw_retrieved(folder / _PICTURE, queries, matched, captions, [q.label == q.found.label for q in shown])
    return ""


def _report(folder: Path, store: str, metrics: dict, missing: str) -> None:
    from keras_sketch.evaluation.retrieval_report import write_retrieval_report

    name = os.path.basename(os.path.abspath(store))
    title = f"Landmarks of {name}, recognized by retrieval"
    write_retrieval_report(folder / "report.md", title, metrics, "" if missing else _PICTURE, missing)
    if "top1" in metrics:
        low, high = metrics["intervals"]["top1"]
        print(f"top-1 {metrics['top1']:.1%} ({low:.1%} to {high:.1%}), GAP {metrics['gap']:.4f}")
    print(folder / "report.md")


def _recognize_files(
    store: LocalFeatureStore, images: tuple[str, ...], max_features: int | None, search: dict
) -> dict[str, list[Recognition]]:
    start_tensorflow()
    from keras_sketch.data.image_files import read_images
    from keras_sketch.local_features import load_extractor

    # What is no image is said before the index is made, which takes longer.
    pixels = read_images(images, store.settings["preprocessing"])
    index, extractor = _index(store, max_features), load_extractor(store.folder)
    names, answers = store.class_names, {}
    features = (each.strongest(max_features) for image in pixels for each in extractor.extract(image[None]))
    for path, found in zip(images, index.recognize_all(features, **search), strict=True):
        answers[path] = found
        described = [f"{names[each.label]} {each.score:.3f} (like {each.image_id})" for each in found]
        print(f"{path}: " + (", ".join(described) or "nothing found"))
    return answers
