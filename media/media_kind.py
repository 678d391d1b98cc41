"""Is a file an image, audio or video? By its suffix where that is known, else by its first bytes.

The suffix is a first guess, so that listing a dataset opens no file: the probe of scan decides by the content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unmask.media.file_type import identify_file

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif"),
    *(".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jxl", ".ppm", ".pgm", ".pbm", ".pnm", ".psd", ".exr"),
)
# Pillow would take the small preview inside of some of them for the picture.
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw")
AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".mp3", ".mp2", ".flac", ".ogg", ".oga", ".opus", ".spx", ".m4a", ".m4b", ".3ga", ".aac"),
    *(".aif", ".aiff", ".aifc", ".mka", ".weba", ".wma", ".amr", ".awb", ".au", ".caf", ".w64", ".rf64", ".sph"),
    *(".ac3", ".eac3", ".dts", ".ape", ".wv", ".tta"),
)
VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".qt", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".mpe", ".vob", ".3gp", ".3g2"),
    *(".flv", ".f4v", ".wmv", ".asf", ".ogv", ".ogm", ".m2ts", ".m2v", ".mxf", ".rm", ".rmvb", ".h264", ".ivf", ".y4m"),
)
KINDS: dict[str, Literal["image", "audio", "video"]] = {
    **dict.fromkeys((*IMAGE_SUFFIXES, *RAW_SUFFIXES), "image"),
    **dict.fromkeys(AUDIO_SUFFIXES, "audio"),
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
}

# Never opened: what usually lies beside media. ".ts" and ".mts" are absent: video or TypeScript, as the content says.
NOT_MEDIA = frozenset(
    (
        ".txt .csv .tsv .json .jsonl .xml .yaml .yml .md .rst .html .htm .pdf .doc .docx .rtf .svg .log "
        ".xls .xlsx .parquet .srt .vtt .ass .lab .textgrid .npy .npz .pkl .pickle .pt .pth .safetensors .ckpt .onnx "
        ".h5 .hdf5 .mat .zip .tar .gz .tgz .bz2 .xz .7z .rar .zst "
        ".py .ipynb .sh .js .db .md5 .sha1 .sha256 .ini .cfg .toml .lnk .url"
    ).split()
)
PARTIAL = frozenset((".part", ".partial", ".crdownload", ".download", ".tmp", ".aria2", ".!ut"))
"""Downloads that did not finish: never opened either."""


def find_kind(path: Path, suffix: str) -> Literal["image", "audio", "video"] | None:
    """Kind of `path` with the lower-case `suffix`; None for what is not media. Opens only files of unknown suffix."""
    if suffix in KINDS or suffix in NOT_MEDIA or suffix in PARTIAL:
        return KINDS.get(suffix)
    found = identify_file(path)
    return found.kind if found else None
