"""ImageNet-Sketch as a TFDS dataset."""

HOMEPAGE = "https://github.com/HaohanWang/ImageNet-Sketch"
"""Where the authors publish it."""

URL = "https://drive.google.com/u/0/uc?id=1Mj0i5HBthqH1p_yeXzsg22gZduvgoNeA&export=download"
"""The authors' archive, 7.6 GB, by the address for which TFDS has a checksum."""

ARCHIVE = "ImageNet-Sketch.zip"
"""What it is called."""

INSTRUCTIONS = (
    f"Get {ARCHIVE} (7.6 GB) by the link on {HOMEPAGE} (Google Drive), put it, or what it holds, into a folder and "
    f"give that as the manual folder (`--manual-dir DIR`), so that there is DIR/{ARCHIVE} or DIR/sketch/<WordNet id>/."
)
