from pathlib import Path

from keras_sketch.models import BACKBONES


def test_the_page_has_the_table_s_rows():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{name}` | {row.input_shape[0]} | {row.summary} |" for name, row in sorted(BACKBONES.items())]
