import numpy as np
import pytest
from sklearn.decomposition import PCA

from keras_sketch.errors import BadDataError
from keras_sketch.local_features.reduction import PrincipalComponents


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    return (random.normal(size=(500, 12)) * np.arange(12, 0, -1) @ random.normal(size=(12, 12)) + 100).astype("float32")


def test_components_are_those_of_scikit_learn(rows):
    sums = PrincipalComponents(12)
    for start in range(0, 500, 70):
        sums.update(rows[start : start + 70])
    sums.update(rows[:0])
    mean, components = sums.solve(5)
    expected = PCA(5, svd_solver="full").fit(rows.astype("float64"))
    assert sums.count == 500
    np.testing.assert_allclose(mean, expected.mean_, rtol=1e-5)
    agreement = np.abs(np.sum(components * expected.components_.T, axis=0))
    np.testing.assert_allclose(agreement, 1, atol=1e-4)
    np.testing.assert_allclose(components.T @ components, np.eye(5), atol=1e-5)
    variances = ((rows - mean) @ components).var(axis=0)
    np.testing.assert_allclose(variances, expected.explained_variance_ * 499 / 500, rtol=1e-4)


def test_the_sign_does_not_depend_on_the_solver(rows):
    results = []
    for sign in (1, -1):
        sums = PrincipalComponents(12)
        sums.update(rows[::sign])
        results.append(sums.solve(12)[1])
    np.testing.assert_allclose(results[0], results[1], atol=1e-3)
    assert (results[0].max(axis=0) >= -results[0].min(axis=0)).all()


def test_too_few_rows_are_refused(rows):
    sums = PrincipalComponents(12)
    sums.update(rows[:5])
    with pytest.raises(BadDataError, match="5 dimensions need more than 5 features"):
        sums.solve(5)
