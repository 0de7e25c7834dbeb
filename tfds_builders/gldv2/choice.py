"""From the lists to the wanted images: rows checked, classes counted, the chosen ones written to the index.

What grows with the number of images goes to disk; in memory are a number for each class and 1/256 of the rows.
"""

from __future__ import annotations

import collections
import dataclasses
import operator
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.splits import CHOICE_SEED, unit_hash
from keras_sketch.errors import BadDataError, UnknownNameError
from tfds_builders.gldv2.buckets import PREFIXES, Buckets, key_of
from tfds_builders.gldv2.config import Gldv2Config
from tfds_builders.gldv2.layout import Source
from tfds_builders.gldv2.lists import is_id, no_id, read_categories, read_clean, read_solution, read_train, series_of

_OTHER_IDS = "perhaps it is of the index set, whose landmark ids are other ones"
# A bad row with this in place of a landmark never counts.
_NOTE = -2


def choose(source: Source, config: Gldv2Config, scratch: Path, index: sqlite3.Connection) -> None:
    """Fills the tables of an empty index.

    Args:
        source: Where the lists are.
        config: Says what is wanted.
        scratch: An existing folder for temporary files.
        index: Has the empty tables of `index.make_index`.

    Raises:
        UnknownNameError: For a class that is not in the list.
        MissingDataError: A list cannot be read.
        BadDataError: Fewer than two classes are left, or lists do not fit together.
    """
    _Choice(source, config, scratch, index).run()


@dataclasses.dataclass
class _Choice:
    source: Source
    config: Gldv2Config
    scratch: Path
    index: sqlite3.Connection

    def run(self) -> None:
        train = Buckets(self.scratch / "train")
        counts = trained = self._spread_train(train)
        clean = None
        if self.source.clean is not None:
            clean = Buckets(self.scratch / "clean")
            counts = self._spread_clean(clean, trained)
        numbers = self._insert_images(train, clean, self._candidates(counts))
        self._forget_common_names()
        labels = self._classes(numbers, counts)
        if self.config.per_class is not None:
            self._keep_lowest(self.config.per_class)
            numbers = {landmark: min(number, self.config.per_class) for landmark, number in numbers.items()}
        rows = ((landmark, label, numbers[landmark]) for landmark, label in labels.items())
        self.index.executemany("INSERT INTO classes VALUES (?, ?, ?)", rows)
        self.index.execute("INSERT INTO lists VALUES ('train', ?)", [self._list])
        if self.source.solution is not None:
            self._insert_distractors(trained)

    @property
    def _list(self) -> str:
        """What messages call the list that says which images there are."""
        return self.source.label(self.source.clean or self.source.train)

    def _bad(self, path: Path, line: int, landmark: int | None, reason: str) -> None:
        self.index.execute("INSERT INTO bad VALUES (?, ?, ?, ?)", (self.source.label(path), line, landmark, reason))

    def _spread_train(self, buckets: Buckets) -> collections.Counter[int]:
        """Goes through the list once; gives the number of rows of each landmark."""
        path, counts = self.source.train, collections.Counter()
        known = read_categories(self.source.categories) if self.source.categories else None
        foreign = 0
        for row in _progress(read_train(path), path):
            if len(row) == 3:
                line, landmark, reason = row
                self._bad(path, line, _NOTE if self.source.clean else landmark, reason)
                continue
            line, image, landmark, name = row
            if known is not None and landmark not in known:
                foreign += 1
                reason = f"the landmark {landmark} is not in {self.source.categories.name}: {_OTHER_IDS}"
                self._bad(path, line, _NOTE if self.source.clean else None, reason)
                continue
            counts[landmark] += 1
            if "\n" in name:
                name = name.replace("\n", " ")
            buckets.add(image, f"{line} {landmark} {name}")
        if foreign and not counts:
            raise BadDataError(
                f"None of the landmarks in {path} is in {self.source.categories}: the two are not of one set; the "
                "landmark ids of the index set are other ones."
            )
        return counts

    def _spread_clean(self, buckets: Buckets, trained: collections.Counter[int]) -> collections.Counter[int]:
        path, counts, foreign = self.source.clean, collections.Counter(), 0
        for line, landmark, images in _progress(read_clean(path), path):
            if isinstance(images, str):
                self._bad(path, line, landmark, images)
            elif landmark not in trained:
                foreign += 1
                reason = f"the landmark {landmark} is not in {self.source.train.name}: {_OTHER_IDS}"
                self._bad(path, line, None, reason)
            else:
                for image in images:
                    if is_id(image):
                        counts[landmark] += 1
                        buckets.add(image, f"{line} {landmark}")
                    else:
                        self._bad(path, line, landmark, no_id(image))
        if foreign and not counts:
            raise BadDataError(
                f"None of the landmarks in {path} is in {self.source.train}: the two are not of one set; the landmark "
                "ids of the index set are other ones."
            )
        return counts

    def _candidates(self, counts: collections.Counter[int]) -> set[int]:
        """Gives the landmarks that can be wanted, before repeated ids are known."""
        if self.config.classes is None:
            return {landmark for landmark, count in counts.items() if count >= self.config.min_samples}
        for name in self.config.classes:
            if not name.isdecimal() or int(name) not in counts or str(int(name)) != name:
                hint = f"Classes are landmark ids in {self._list}; those of the index set are other ones."
                raise UnknownNameError("class", name, map(str, counts), hint)
        return set(map(int, self.config.classes))

    def _insert_images(self, train: Buckets, clean: Buckets | None, candidates: set[int]) -> dict[int, int]:
        """Writes the candidates' images by id; gives the number of images of each landmark, repeated ones left out."""
        numbers = collections.Counter()
        for prefix in tqdm(PREFIXES, desc="Choosing images", unit=" parts", mininterval=0.5, leave=False):
            rows = []
            listed = None if clean is None else self._listed(clean, prefix)
            for image, line, landmark, name in self._unrepeated(train, prefix, clean is not None):
                if listed is not None:
                    place = listed.pop(image, None)
                    if place is None:
                        continue
                    if place[1] != landmark:
                        reason = f"{image} is of landmark {landmark} in line {line} of {self.source.train.name}"
                        self._bad(self.source.clean, place[0], place[1], f"{reason}, not of {place[1]}")
                        continue
                    line = place[0]
                if landmark in candidates:
                    numbers[landmark] += 1
                    choice = unit_hash(image, CHOICE_SEED) if self.config.per_class else None
                    rows.append((key_of(image), landmark, line, series_of(name), choice))
            for image, (line, landmark) in sorted((listed or {}).items()):
                self._bad(self.source.clean, line, landmark, f"the image {image} is not in {self.source.train.name}")
            rows.sort(key=operator.itemgetter(0))
            self.index.executemany("INSERT INTO images VALUES (?, ?, ?, ?, ?)", rows)
        return numbers

    def _unrepeated(self, train: Buckets, prefix: str, is_note: bool) -> Iterator[tuple[str, int, int, str]]:
        """Yields id, line, landmark and file name of a prefix's rows, of those with one id the first."""
        lines: dict[str, int] = {}
        for image, rest in train.read(prefix):
            line, landmark, name = rest.split(" ", 2)
            line, landmark = int(line), int(landmark)
            if lines.setdefault(image, line) == line:
                yield image, line, landmark, name
            else:
                reason = f"the id {image} is in line {lines[image]} already"
                self._bad(self.source.train, line, _NOTE if is_note else landmark, reason)

    def _listed(self, clean: Buckets, prefix: str) -> dict[str, tuple[int, int]]:
        """Gives line and landmark of the cleaned list's images of a prefix, by id."""
        listed: dict[str, tuple[int, int]] = {}
        for image, rest in clean.read(prefix):
            line, landmark = map(int, rest.split())
            first = listed.setdefault(image, (line, landmark))
            if first != (line, landmark):
                self._bad(self.source.clean, line, landmark, f"the id {image} is in line {first[0]} already")
        return listed

    def _classes(self, numbers: dict[int, int], counts: collections.Counter[int]) -> dict[int, int]:
        """Gives the label of each wanted landmark, in the order of the ids as text."""
        if self.config.classes is not None:
            chosen = list(map(int, self.config.classes))
            if empty := [landmark for landmark in chosen if not numbers[landmark]]:
                raise BadDataError(
                    f"The class {empty[0]} would be empty: {self._list} has no row of it that can be used."
                )
        else:
            enough = (landmark for landmark in numbers if numbers[landmark] >= self.config.min_samples)
            chosen = sorted(enough, key=lambda each: (-numbers[each], each))[: self.config.max_classes]
            if len(chosen) < 2:
                raise BadDataError(self._too_few(len(chosen), counts))
        return {landmark: label for label, landmark in enumerate(sorted(chosen, key=str))}

    def _too_few(self, left: int, counts: collections.Counter[int]) -> str:
        sizes = [count for _, count in counts.most_common(3)]
        if len(sizes) < 2:
            first = self.index.execute("SELECT line, reason FROM bad ORDER BY rowid LIMIT 1").fetchone()
            why = f": line {first[0]}: {first[1]}" if first else ""
            return f"{self._list} has usable rows of {len(sizes)} classes, and at least two are needed{why}."
        return (
            f"Of the {len(counts)} classes in {self._list} {left} have at least {self.config.min_samples} images, and "
            f"two are needed: the largest have {', '.join(map(str, sizes))}. With `min{sizes[1]}` in the config there "
            f"are {sum(count >= sizes[1] for count in counts.values())}."
        )

    def _forget_common_names(self) -> None:
        """Clears the series of names that most of a landmark's images have: the landmark's own, or a camera's."""
        self.index.execute(
            "UPDATE images SET series = '' WHERE (landmark, series) IN (SELECT landmark, series FROM (SELECT landmark, "
            "series, count(*) AS number, sum(count(*)) OVER (PARTITION BY landmark) AS total FROM images "
            "GROUP BY landmark, series) WHERE 2 * number > total)"
        )

    def _keep_lowest(self, per_class: int) -> None:
        self.index.execute(
            "DELETE FROM images WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
            "(PARTITION BY landmark ORDER BY choice, id) AS place FROM images) WHERE place > ?)",
            [per_class],
        )

    def _insert_distractors(self, trained: collections.Counter[int]) -> None:
        path = self.source.solution
        self.index.execute("INSERT INTO lists VALUES ('test', ?)", [self.source.label(path)])
        for line, image, landmarks in _progress(read_solution(path), path):
            if image is None:
                self._bad(path, line, None, landmarks)
            elif landmarks:
                unknown = [each for each in landmarks if not each.isdecimal() or int(each) not in trained]
                if unknown:
                    reason = f"the landmark {' '.join(unknown)} is not in {self.source.train.name}: {_OTHER_IDS}"
                    self._bad(path, line, _NOTE, reason)
            elif self.index.execute("SELECT 1 FROM images WHERE id = ?", [key_of(image)]).fetchone():
                self._bad(path, line, None, f"the id {image} is in {self.source.train.name} too")
            else:
                values = key_of(image), -1, line, ""
                if not self.index.execute("INSERT OR IGNORE INTO distractors VALUES (?, ?, ?, ?)", values).rowcount:
                    self._bad(path, line, None, f"the id {image} is in an earlier line already")


def _progress(rows: Iterator, path: Path) -> Iterator:
    return tqdm(rows, desc=f"Reading {path.name}", unit=" rows", mininterval=0.5, leave=False)
