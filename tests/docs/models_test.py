from pathlib import Path

from keras_sketch.models import BACKBONES
from keras_sketch.recipes.validation import POOLINGS

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()


def rows_of(title):
    [section] = [part for part in PAGE.split("\n## ") if part.startswith(f"{title}\n")]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_the_page_has_the_table_s_rows():
    expected = [f"| `{name}` | {row.input_shape[0]} | {row.summary} |" for name, row in sorted(BACKBONES.items())]
    assert rows_of("All models") == expected


def test_the_page_has_every_pooling():
    assert [row.split("`")[1] for row in rows_of("Pooling and the head")][1:] == list(POOLINGS)
