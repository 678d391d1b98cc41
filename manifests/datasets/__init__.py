"""The known datasets: one file and one line each, in the order of their domain ids."""

from __future__ import annotations

from unmask.manifests.datasets import (
    archive,
    celeb_df,
    deepfake_images,
    deepvoice,
    dfd_faces,
    dff,
    faceforensics,
    fakeavceleb,
)
from unmask.manifests.datasets.base import Layout

LAYOUTS: dict[str, Layout] = {
    "deepfake_images": deepfake_images.LAYOUT,
    "archive": archive.LAYOUT,
    "faceforensics": faceforensics.LAYOUT,
    "celeb_df": celeb_df.LAYOUT,
    "deepvoice": deepvoice.LAYOUT,
    "deepvoice_demo": deepvoice.DEMO_LAYOUT,
    "fakeavceleb": fakeavceleb.LAYOUT,
    "dfd_faces": dfd_faces.LAYOUT,
    "dff": dff.LAYOUT,
}
