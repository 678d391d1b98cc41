"""Findings that are open: the campaign counts them apart, and fails for others only."""

from __future__ import annotations

FFMPEG = (
    "FFmpeg and libsndfile take a failed read for the end of the file or for damage, so another reader may be taken"
)
HDF5 = "HDF5 ends the process when a file whose write failed is closed; the file under its final name is whole"
EVENTS = "the thread that writes curves for TensorBoard prints its own traceback; the command says the same"
MODELS = "verdict models that cannot be read count as absent, so verdicts come without evidence and scope"
LINES = "a line of --out whose damage leaves valid JSON is taken for a stored verdict"

KNOWN: dict[tuple[str, str], str] = {
    **{
        (stage, f"{error} of a media file, once"): FFMPEG
        for stage in ("preprocess", "predict")
        for error in ("EIO", "ESTALE")
    },
    ("predict", "EIO while reading, once"): MODELS,
    ("predict", "ESTALE, once"): MODELS,
    ("export", "EIO while writing"): HDF5,
    ("export", "full disk"): HDF5,
    ("train", "full disk"): EVENTS,
    ("train", "EIO while writing"): EVENTS,
    ("predict", "16 flipped bits in its own output"): LINES,
}
"""(stage, fault) -> why."""
