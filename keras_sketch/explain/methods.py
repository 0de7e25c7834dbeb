"""The ways to turn features into a heat map, by name: one row each in `METHODS`.

In the formulas A is the layer's output, S^c the logit of class c, k a channel and i, j a position.
"""

from __future__ import annotations

import tensorflow as tf

from keras_sketch.explain.activation_map import ActivationMap
from keras_sketch.explain.score_cam import ScoreCam


class GradCam(ActivationMap):
    """Grad-CAM: Selvaraju et al., ICCV 2017, equations 1 and 2."""

    def weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Gives the mean gradient of each channel (equation 1)."""
        return tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)


class GradCamPlusPlus(ActivationMap):
    """Grad-CAM++: Chattopadhay et al., WACV 2018, equations 5, 12, 19 and 20.

    With Y^c = exp(S^c) (equation 12) the weight of channel k is the sum of alpha_ij relu(dY^c/dA_ij) (equation 5), and
    alpha_ij = g^2 / (2 g^2 + g^3 sum_ab A_ab) (equation 19), where g = dS^c/dA_ij. Here alpha_ij is written as
    1 / (2 + g sum_ab A_ab), the same without the powers of small numbers; where the denominator is 0, which the paper
    leaves open, alpha is 0. The factor exp(S^c), common to an image's weights, is left out.
    """

    def weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Gives the sum of each channel's positive gradients, weighted by position."""
        total = tf.reduce_sum(features, axis=(1, 2), keepdims=True)
        alphas = tf.math.divide_no_nan(tf.ones_like(gradients), 2 + gradients * total)
        return tf.reduce_sum(alphas * tf.nn.relu(gradients), axis=(1, 2), keepdims=True)


class EigenCam(ActivationMap):
    """Eigen-CAM: Muhammad and Yeasin, IJCNN 2020: the projection O V_1, where O = U S V^T is A as `[h * w, C]`.

    It asks for no class: the map shows what is strongest in the features, whatever the network makes of it. The
    singular vectors' sign is arbitrary; here it is the one with which the map's sum is positive. Where the features are
    at least 0, as behind a ReLU, the whole map then is; elsewhere its negative part is cut off as in the other methods.
    As in the paper the features are not centred; some implementations do that.
    """

    def weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Gives the first right singular vector, from the smaller of the two matrices O O^T and O^T O."""
        channels = tf.shape(features)[-1]
        matrix = tf.reshape(features, [tf.shape(features)[0], -1, channels])
        height, width, depth = features.shape[1:]
        if height and width and height * width < depth:
            left = tf.linalg.eigh(tf.matmul(matrix, matrix, transpose_b=True))[1][..., -1]
            first = tf.einsum("npc,np->nc", matrix, left)
            first = tf.math.divide_no_nan(first, tf.norm(first, axis=-1, keepdims=True))
        else:
            first = tf.linalg.eigh(tf.matmul(matrix, matrix, transpose_a=True))[1][..., -1]
        total = tf.reduce_sum(tf.einsum("npc,nc->np", matrix, first), axis=-1, keepdims=True)
        return tf.where(total < 0, -first, first)[:, None, None, :]


class LayerCam(ActivationMap):
    """LayerCAM: Jiang et al., IEEE Transactions on Image Processing 30, 2021: relu(sum_k relu(dS^c/dA_ij) A_ij).

    Each position of a channel has its own weight, so that early layers give maps that are fine and still of the class.
    The paper's tanh, with which it brings the maps of several layers to one scale before it joins them, is not needed
    for one layer.
    """

    def weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Gives the positive gradients themselves."""
        return tf.nn.relu(gradients)


METHODS: dict[str, type[ActivationMap]] = {
    "gradcam": GradCam,
    "gradcam++": GradCamPlusPlus,
    "eigencam": EigenCam,
    "layercam": LayerCam,
    "scorecam": ScoreCam,
}
