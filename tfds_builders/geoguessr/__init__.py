"""Street views by country as a TFDS dataset."""

HOMEPAGE = "https://www.kaggle.com/datasets/ubitquitin/geolocation-geoguessr-images-50k"
"""Where the views are published."""

INSTRUCTIONS = (
    f"Get the zip from {HOMEPAGE}, put it, or what it holds, into a folder and give that as the manual folder "
    "(`--manual-dir DIR`), so that there is DIR/*.zip or DIR/compressed_dataset/<Country>/*.jpg."
)
"""What a user has to do."""
