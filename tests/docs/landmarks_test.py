from pathlib import Path

from keras_sketch.recipes import all_recipes

FIGURES = ("gap", "top1", "train.gap", "train.top1")


def test_the_page_has_the_recipes_published_figures():
    page = (Path(__file__).parents[2] / "docs" / "landmarks.md").read_text()
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `gldv2-")]
    found = {tuple(cell.strip(" `") for cell in row) for row in rows}
    recipes = [recipe for recipe in all_recipes().values() if recipe.name.startswith("gldv2-") and recipe.published]
    assert found == {
        (each.name, each.model, *(str(each.published.figures.get(key, "")) for key in FIGURES)) for each in recipes
    }
    assert len(rows) == len(recipes) == 5
