"""What float16 needs: gradients of a loss that is scaled, and steps that are skipped where they overflow."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_sketch")
class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras' scaling of the loss for float16, for several devices too.

    Keras 3.15 skips a step where the gradients of the first replica are not finite. Where those of another one alone
    are not, it adds them up all the same, and the weights are lost.
    """

    def check_finite(self, grads):
        """Returns whether the gradients of all replicas are finite, a boolean scalar."""
        finite = super().check_finite(grads)
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return finite
        infinite = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(tf.logical_not(finite), tf.float32))
        return tf.equal(infinite, 0.0)


def scaled(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> keras.optimizers.Optimizer:
    """Returns the optimizer, behind a `LossScale` where the model computes in float16."""
    return LossScale(optimizer) if model.dtype_policy.name == "mixed_float16" else optimizer
