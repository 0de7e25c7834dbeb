"""`list`: what there is to choose from."""

from __future__ import annotations


def list_names() -> None:
    """Lists the datasets, models and recipes."""
    from keras_sketch.data import list_datasets
    from keras_sketch.models import BACKBONES
    from keras_sketch.recipes import all_recipes

    tables = {
        "datasets": {name: "" for name in list_datasets()},
        "models": {name: row.summary for name, row in sorted(BACKBONES.items())},
        "recipes": {name: row.summary for name, row in sorted(all_recipes().items())},
    }
    for title, rows in tables.items():
        width = max(map(len, rows), default=0)
        print(f"{title.capitalize()}:")
        for name, summary in rows.items():
            print(f"  {name:{width}}  {summary}".rstrip())
