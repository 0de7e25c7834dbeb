"""A network in two: the frozen layers, which compute the same every time, and the rest, which is trained."""

from __future__ import annotations

import dataclasses
import math

import keras

from keras_sketch.models.delf_layers import FeaturePyramid, FixedLayer


@dataclasses.dataclass(frozen=True)
class SplitNetwork:
    """Two networks that share the layers, and so the weights, of the one that they were cut from.

    Attributes:
        frozen: From the input to the tensor at the cut, or to a list of them.
        rest: From that tensor, or a list of them in the same order, to the output.
        layers: The names of the layers that give them.
        share: Of the network's multiplications, those in frozen weights that training could change, above 0, up to 1.
    """

    frozen: keras.Model
    rest: keras.Model
    layers: tuple[str, ...]
    share: float


def split_network(network: keras.Model) -> SplitNetwork | None:
    """Cuts a network where its frozen layers end.

    Before the cut is what frozen weights alone decide. Layers without weights that follow, such as the pooling, belong
    to it too, as long as what is handed over does not grow; dropout that is not frozen does not. Where several tensors
    cross the cut, which may be in the middle of a residual block, all of them are handed over.

    Args:
        network: Functional, of one input and one output, its layers frozen as they are to be (see `train_from`).

    Returns:
        The two parts; None where there are no frozen weights before those that are trained, but for the scaling's.
    """
    cut = _Cut(network)
    tensors = cut.tensors()
    frozen = keras.Model(network.inputs[0], tensors, name=f"{network.name}_frozen")
    spared = sum(map(_multiplications, frozen.operations))
    if not spared:
        return None
    rest = keras.Model(tensors[0] if len(tensors) == 1 else tensors, network.outputs[0], name=network.name)
    # Where it is mixed_float16, `compile` adds the scaling of the loss; a new model has the global one.
    frozen.dtype_policy = rest.dtype_policy = network.dtype_policy
    share = spared / sum(map(_multiplications, network.operations))
    return SplitNetwork(frozen, rest, tuple(cut.maker[id(tensor)].name for tensor in tensors), share)


def dropout_layers(model: keras.layers.Layer) -> list[keras.layers.Dropout]:
    """Lists the layers that drop units, or whole channels or residual branches, in training, nested ones too."""
    if isinstance(model, keras.layers.Dropout):
        return [model]
    return [found for layer in getattr(model, "layers", ()) for found in dropout_layers(layer)]


class _Cut:
    """Which operations of a network are before the cut; each operation is called once in the networks of the table."""

    def __init__(self, network: keras.Model):
        self.operations = list(network.operations)
        self.outputs = _tensors(network.outputs)
        self.maker = {id(tensor): each for each in self.operations for tensor in _tensors(each.output)}
        self.before: set[int] = set()
        fixed = self._fixed()
        self._take(lambda operation: id(operation) in fixed or not getattr(operation, "trainable", False))
        self._take(self._shrinks)

    def tensors(self) -> list[keras.KerasTensor]:
        """Returns what is computed before the cut and used behind it, in the order of the operations."""
        used = [tensor for each in self.operations if id(each) not in self.before for tensor in _inputs(each)]
        used = {id(tensor) for tensor in used + self.outputs}
        made = [tensor for each in self.operations if id(each) in self.before for tensor in _tensors(each.output)]
        return [tensor for tensor in made if id(tensor) in used]

    def _fixed(self) -> set[int]:
        """Returns the layers that never train, and all that they depend on."""
        found: set[int] = set()
        for each in reversed(self.operations):
            if isinstance(each, FixedLayer) or id(each) in found:
                found |= {id(each), *(id(self.maker[id(tensor)]) for tensor in _inputs(each))}
        return found

    def _take(self, wanted) -> None:
        """Moves the cut behind all wanted operations of which everything before is there already."""
        for each in self.operations:
            known = all(id(self.maker[id(tensor)]) in self.before for tensor in _inputs(each))
            if id(each) not in self.before and known and (not _inputs(each) or (_constant(each) and wanted(each))):
                self.before.add(id(each))

    def _shrinks(self, operation) -> bool:
        """Says whether no more would be handed over with the operation before the cut."""
        now = _size(self.tensors())
        self.before.add(id(operation))
        then = _size(self.tensors())
        self.before.discard(id(operation))
        return then <= now


def _constant(operation) -> bool:
    """Says whether the same input always gives the same output."""
    random = any(layer.trainable and layer.rate for layer in dropout_layers(operation))
    return not random and not getattr(operation, "trainable_weights", ())


def _multiplications(operation) -> int:
    """Counts, about, those with weights: each once a place of the output. `Normalization` has constants alone."""
    if isinstance(operation, keras.layers.Normalization):
        return 0
    if isinstance(operation, FeaturePyramid):
        return operation.multiplications
    weights = sum(math.prod(weight.shape) for weight in getattr(operation, "weights", ()))
    return weights * math.prod(_tensors(operation.output)[0].shape[1:-1])


def _inputs(operation) -> list[keras.KerasTensor]:
    return [] if isinstance(operation, keras.layers.InputLayer) else _tensors(operation.input)


def _tensors(structure) -> list[keras.KerasTensor]:
    return keras.tree.flatten(structure)


def _size(tensors: list[keras.KerasTensor]) -> int:
    return sum(math.prod(tensor.shape[1:]) for tensor in tensors)
