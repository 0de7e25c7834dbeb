"""The authors' list of images and labels, `sketchPath.txt`, held against the folders.

Its rows are `<WordNet id>/<file> <label>`, labels being places in ImageNet's order. The authors made it by class names,
of which two stand for two classes each: the images of `n03126707` (the machine of the two cranes) are in it under 517
and again under 134, the bird's label, and those of `n03710721` (one of the two maillots) under 639 and 638; the ids
`n02012849` and `n03710637` are not. The folders say what an image shows, so labels come from them alone, and rows that
contradict them are noted; no image is lost by them.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from keras_sketch.curation.folders import reading
from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.curation.manifest import Manifest
from keras_sketch.errors import BadDataError
from tfds_builders.imagenet_labels import WNIDS
from tfds_builders.imagenet_sketch.images import Images

log = logging.getLogger(__name__)

LIST = "sketchPath.txt"
_ROW = re.compile(r"(?P<name>(?P<wnid>[^/\s]+)/\S+)\s+(?P<label>\d{1,9})")
_PLACES = {wnid: place for place, wnid in enumerate(WNIDS)}


def find_list(folder: Path) -> Path | None:
    """Finds the list in a manual folder, alone or in the folder `scripts` of the authors' repository; None without."""
    paths = (folder / LIST, folder / "scripts" / LIST)
    return next((path for path in paths if path.is_file()), None)


def check_list(path: Path, label: str, images: Images, manifest: Manifest) -> None:
    """Names the rows that contradict the folders; rows of classes without files there are passed over.

    Args:
        path: The list.
        label: What the manifest calls it.
        images: The images that are there, of the classes that count.
        manifest: Where the rows go.

    Raises:
        MissingDataError: The list cannot be read.
    """
    seen: dict[str, tuple[int, int]] = {}
    with reading(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    present = {f"{wnid}/{file}" for wnid, files in images.files.items() for file in files}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            _check_row(line.strip(), number, images, present, seen)
        except BadDataError as error:
            manifest.add_note(label, f"line {number}", str(error))
    if unlisted := len(present - seen.keys()):
        log.warning("%d of the %d images are not in %s; they are used all the same.", unlisted, len(present), label)


def _check_row(row: str, number: int, images: Images, present: set[str], seen: dict[str, tuple[int, int]]) -> None:
    """Checks a row and remembers its label and line; raises BadDataError with a reason for the manifest."""
    match = _ROW.fullmatch(row)
    if match is None:
        raise BadDataError("the row is not <WordNet id>/<file> <label>")
    name, wnid, label = match["name"], match["wnid"], int(match["label"])
    if wnid not in _PLACES:
        raise BadDataError(f"{wnid} is no WordNet id of the 1000 classes")
    if wnid not in images.files:
        return
    if name not in present:
        raise BadDataError(f"there is no file {images.place(name)}")
    before, line = seen.setdefault(name, (label, number))
    again = f"; line {line} says {before}" if line != number else ""
    if label != _PLACES[wnid]:
        meant = f"that of {imagenet_classes()[label].name}" if label < len(WNIDS) else "none of 0 to 999"
        raise BadDataError(f"the label of {name} is {_PLACES[wnid]}, not {label}, {meant}{again}")
    if again and before == label:
        raise BadDataError(f"{name} is there twice{again} too")
