"""Google Landmarks v2 as a TFDS dataset."""

HOMEPAGE = "https://github.com/cvdfoundation/google-landmark"
"""Where the images and lists are published."""

INSTRUCTIONS = (
    f"Get train.csv and the images from {HOMEPAGE}, put them into a folder and give that as the manual folder "
    "(`--manual-dir DIR`), so that there is DIR/train.csv or DIR/metadata/train.csv, and DIR/train/0/0/0/*.jpg or the "
    "tars DIR/images_000.tar to DIR/images_499.tar (DIR/train/ will do) as they are, best with their "
    "DIR/md5sum/md5.images_000.txt."
)
"""What a user has to do."""

CONFIGS = (
    "A config is a list of parts joined by `-`: `min<k>` (classes of at least k images; min250 if not said), `top<k>` "
    "(the k largest of them), `clean` (the cleaned list), `distractors`, `<n>px` (shorter side; 128px if not said), "
    "as in `min4-top100-clean-64px`."
)
"""How a config is named."""
