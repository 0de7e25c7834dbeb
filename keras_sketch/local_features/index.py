"""Recognition by retrieval: whose features a query's are most like, and whether they lie as they do there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.local_features.features import LocalFeatures
from keras_sketch.local_features.matching import match
from keras_sketch.local_features.store import LocalFeatureStore

NEIGHBOURS = 10
"""For each feature of a query; a landmark with more images of the same view needs more."""

CANDIDATES = 20
"""Images that are matched with a query."""

_BLOCK_ROWS = 1024
_BATCH_FEATURES = 4096


class Recognition(NamedTuple):
    """A landmark that a query may show.

    Attributes:
        label: The landmark.
        score: How many matches with the image agree on one transform, and the image's share of the votes, which is
            below 1. The more, the surer, also from query to query.
        image_id: The image of it that was found.
    """

    label: int
    score: float
    image_id: str

    @property
    def num_inliers(self) -> int:
        """How many matches with the image agree on one transform."""
        return int(self.score)


class LandmarkIndex:
    """The features of many images, and which of these a query is most like.

    Each feature of a query votes for the images of its nearest neighbours (by cosine), with as much as each is nearer
    than the first that is none any more: what looks the same everywhere, such as sky, says nothing (local naive Bayes
    nearest neighbour, McCann and Lowe 2012, algorithm 2). The images with the most votes are matched with the query,
    and those whose matches agree come first.

    The search is exact. It holds 2 bytes a number and 8 a location: with 40 dimensions 13 kB an image of 150 features,
    88 kB one of 1,000, so that 100,000 images take 1.3 or 8.8 GB. The time goes into the product of a query's
    descriptors with all others: on one core half a second a query among 10,000 images, all of 150 features, and in
    proportion to both numbers of features (many queries are searched for at a time). Matching takes 0.3 ms a candidate
    with 150 features and 20 ms with 1,000, however many images there are. Among millions of images, keep fewer features
    of each, or search with an approximate index (faiss).

    Args:
        images: Id, label and features of each.
        capacity: At least how many features they have together.
        dimensions: Of the descriptors.

    Raises:
        BadDataError: The images have no features, or more than said.
    """

    def __init__(self, images: Iterable[tuple[str, int, LocalFeatures]], capacity: int, dimensions: int):
        self.ids: list[str] = []
        self.labels: list[int] = []
        ends = [0]
        descriptors, locations = np.empty((capacity, dimensions), np.float16), np.empty((capacity, 2), np.float32)
        for name, label, features in images:
            rows = slice(ends[-1], ends[-1] + len(features))
            if rows.stop > capacity:
                raise BadDataError(f"The images have more local features than {capacity:,}, as was said.")
            descriptors[rows], locations[rows] = features.descriptors, features.locations
            self.ids.append(name)
            self.labels.append(label)
            ends.append(rows.stop)
        if not ends[-1]:
            raise BadDataError("The images to search in have no local features. Extract those of larger images.")
        # What was never written takes no memory.
        self._descriptors, self._locations = descriptors[: ends[-1]], locations[: ends[-1]]
        self._ends = np.array(ends)

    @classmethod
    def from_store(
        cls,
        store: LocalFeatureStore,
        split: str,
        max_features: int | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> LandmarkIndex:
        """Indexes a split of a store.

        Args:
            store: Where the features are.
            split: Its name.
            max_features: The strongest so many of each image; None: all.
            progress: Called after each image.

        Raises:
            MissingDataError: There is no such split, or it is not extracted to its end.
            BadDataError: It is damaged or empty.
        """

        def images() -> Iterator[tuple[str, int, LocalFeatures]]:
            for name, label, features in store.read(split):
                yield name, label, features.strongest(max_features)
                progress()

        return cls(images(), store.num_features(split), store.dimensions)

    def recognize(
        self, features: LocalFeatures, top: int = 5, neighbours: int = NEIGHBOURS, candidates: int = CANDIDATES
    ) -> list[Recognition]:
        """Finds the landmarks that a query may show.

        Args:
            features: The query's.
            top: At most so many landmarks.
            neighbours: Of each feature, which it votes for.
            candidates: How many images, those with the most votes, are matched with the query.

        Returns:
            The landmarks, surest first, each with the best image of it; fewer where fewer get votes.

        Raises:
            InvalidArgumentError: The descriptors have other dimensions, or a number is below 1.
        """
        [found] = self.recognize_all([features], top, neighbours, candidates)
        return found

    def recognize_all(
        self,
        queries: Iterable[LocalFeatures],
        top: int = 5,
        neighbours: int = NEIGHBOURS,
        candidates: int = CANDIDATES,
    ) -> Iterator[list[Recognition]]:
        """Gives what `recognize` returns for each query, in order; it searches for many at a time."""
        for name, value in (("top", top), ("neighbours", neighbours), ("candidates", candidates)):
            if value < 1:
                raise InvalidArgumentError(name, "at least 1", value)
        batch: list[LocalFeatures] = []
        for features in queries:
            if len(features) and features.descriptors.shape[1] != self._descriptors.shape[1]:
                allowed = f"of {self._descriptors.shape[1]} dimensions, as the index's"
                raise InvalidArgumentError("descriptors", allowed, features.descriptors.shape[1])
            batch.append(features)
            if sum(map(len, batch)) >= _BATCH_FEATURES:
                yield from self._recognized(batch, top, neighbours, candidates)
                batch = []
        yield from self._recognized(batch, top, neighbours, candidates)

    def _recognized(
        self, queries: list[LocalFeatures], top: int, neighbours: int, candidates: int
    ) -> Iterator[list[Recognition]]:
        for features, (images, votes) in zip(queries, self._votes(queries, neighbours), strict=True):
            shares = votes / max(votes.sum(), 1e-12)
            order = np.argsort(-votes, kind="stable")[:candidates]
            found = []
            for place in order:
                inliers = match(features, self._features(images[place])).num_inliers
                score = inliers + min(float(shares[place]), 0.999)
                found.append(Recognition(self.labels[images[place]], score, self.ids[images[place]]))
            found.sort(key=lambda each: -each.score)
            best = {each.label: each for each in reversed(found)}
            yield sorted(best.values(), key=lambda each: -each.score)[:top]

    def _features(self, image: int) -> LocalFeatures:
        rows = slice(*self._ends[image : image + 2])
        unknown = np.ones(rows.stop - rows.start, np.float32)
        return LocalFeatures(self._locations[rows], unknown, unknown, self._descriptors[rows].astype("float32"))

    def _votes(self, queries: list[LocalFeatures], neighbours: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Gives, for each query, the images that its features vote for (places, ascending), and the votes."""
        counts = [len(each) for each in queries]
        if not sum(counts):
            yield from ((np.zeros(0, np.int64), np.zeros(0)) for _ in queries)
            return
        wanted = np.concatenate([each.descriptors.reshape(len(each), -1) for each in queries if len(each)])
        similarities, rows = self._nearest(wanted.astype("float32"), neighbours + 1)
        voted = max(1, min(neighbours, rows.shape[1] - 1))
        weights = similarities[:, :voted] - similarities[:, -1:]
        images = np.searchsorted(self._ends, rows[:, :voted], side="right") - 1
        first = 0
        for count in counts:
            own = slice(first, first + count)
            first += count
            # A feature votes for an image once, with its nearest neighbour there, which comes first.
            keys = np.arange(count)[:, None] * len(self.ids) + images[own]
            _, once = np.unique(keys, return_index=True)
            found, place = np.unique(images[own].ravel()[once], return_inverse=True)
            yield found, np.bincount(place, weights[own].ravel()[once], minlength=len(found))

    def _nearest(self, wanted: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the largest similarities `[Q, count]`, largest first, and the rows they are of, for float32 `[Q, D]`.

        There are fewer than `count` where the index has fewer rows.
        """
        count = min(count, len(self._descriptors))
        similarities = np.full((len(wanted), count), -np.inf, np.float32)
        rows = np.zeros((len(wanted), count), np.int64)
        first = 0
        while first < len(self._descriptors):
            # Of a block as large as all before it, few rows are nearer than the nearest so far: quicker than to sort.
            block = self._descriptors[first : first + min(max(first, count), _BLOCK_ROWS)].astype("float32")
            products = wanted @ block.T
            which, where = np.divmod(np.flatnonzero(products > similarities[:, -1:]), len(block))
            found, which = np.unique(which, return_inverse=True)
            values = np.concatenate([similarities[found].ravel(), products[found[which], where]])
            places = np.concatenate([rows[found].ravel(), first + where])
            which = np.concatenate([np.repeat(np.arange(len(found)), count), which])
            order = np.lexsort((-values, which))
            chosen = order[np.searchsorted(which[order], np.arange(len(found)))[:, None] + np.arange(count)]
            similarities[found], rows[found] = values[chosen], places[chosen]
            first += len(block)
        return similarities, rows
