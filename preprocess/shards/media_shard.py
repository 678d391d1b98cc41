"""Media shards: the tensors of about 64 items in one Zarr v3 group. This module is their only reader and writer.

    shard-<hash of its items>.zarr/
        zarr.json                 attributes: format, version, settings, one entry per item
        faces            (F, S, S, 3)  uint8   RGB
        face_times       (F,)          float32 seconds from the start of the recording (0 for an image)
        face_boxes       (F, 4)        float32 x0, y0, x1, y1 in pixels of the full frame
        face_landmarks   (F, 5, 2)     float32 eyes, nose, mouth corners, same pixels; NaN without a face
        face_confidence  (F,)          float32 0..1; NaN where this face was not detected
        audio            (A,)          int16   mono
        clip_item        (C,)          int32   position of the clip's item in the attributes
        clip_start_s     (C,)          float32 seconds; audio and frames share this clock
        clip_end_s       (C,)          float32
        clip_faces       (C + 1,)      int64   offsets into the face arrays
        clip_audio       (C + 1,)      int64   offsets into audio
        clip_track       (C,)          int16   face of its window: 0 is the dominant one
        mouth            (M, 96, 96)   uint8   gray; this and the next two only with preprocess.mouth_fps
        mouth_found      (M,)          bool    landmarks were found
        clip_mouth       (C + 1,)      int64   offsets into the mouth arrays
        thumbnails       (B,)          uint8   small JPEGs of failed items
        item_thumbnails  (I + 1,)      int64   offsets into thumbnails
        checksums.json            written last

Mouth crop k of a clip shows the time clip_start_s + k / mouth_fps (in the settings of the attributes).
Ragged data is a flat array with offsets. A failed item has an entry with its reason, and no clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarrs import ZarrsCodecPipeline

from unmask.core.atomic_files import create_folder
from unmask.core.checksums import CheckedFiles, find_damage, write_checksums
from unmask.core.errors import MissingInput
from unmask.media.audio.quality import Quality
from unmask.preprocess.shards.appendable_array import AppendableArray
from unmask.preprocess.shards.media_item import MOUTH_SIDE, Clip, MediaItem

FORMAT = "unmask-media"
VERSION = 2

SMALL_ARRAYS = ZstdCodec(level=3)
MOUTH_ARRAYS = ("mouth", "mouth_found")
REMEDY = "unmask cache verify --repair, then unmask preprocess"


def write_shard(path: Path, items: Iterable[MediaItem], *, face_size: int, settings: dict[str, Any]) -> None:
    """Write a shard under a temporary name, checksum it, and rename it to `path`.

    Faces, mouths and audio are written as the items arrive, so that at most one chunk of them is in memory. The mouth
    arrays are there if `settings` have a `mouth_fps`.
    """
    has_mouth = bool(settings.get("mouth_fps"))
    with create_folder(path) as folder:
        group = zarr.create_group(store=str(folder), zarr_format=3)
        faces = AppendableArray(group, "faces", (face_size, face_size, 3), np.uint8)
        audio = AppendableArray(group, "audio", (), np.int16)
        mouth = AppendableArray(group, "mouth", (MOUTH_SIDE, MOUTH_SIDE), np.uint8) if has_mouth else None
        stripped: list[MediaItem] = []
        for item in items:
            for clip in item.clips:
                faces.append(clip.faces)
                audio.append(clip.audio)
                if mouth is not None:
                    mouth.append(clip.mouth)
            stripped.append(_strip_arrays(item))
        faces.finish()
        audio.finish()
        small = _collect_small_arrays(stripped, faces.lengths, audio.lengths)
        if mouth is not None:
            mouth.finish()
            small |= _collect_mouth_arrays(stripped, mouth.lengths)
        for name, array in small.items():
            chunks = (max(1, len(array)), *array.shape[1:])
            group.create_array(name, data=array, chunks=chunks, compressors=SMALL_ARRAYS)
        entries = [_make_entry(item) for item in stripped]
        group.attrs.put({"format": FORMAT, "version": VERSION, "settings": settings, "items": entries})
        write_checksums(folder)


def _strip_arrays(item: MediaItem) -> MediaItem:
    """The item without faces, mouths and audio."""
    large = ("faces", "mouth", "audio")
    clips = (replace(clip, **{name: getattr(clip, name)[:0].copy() for name in large}) for clip in item.clips)
    return replace(item, clips=tuple(clips))


def _collect_mouth_arrays(items: Sequence[MediaItem], lengths: list[int]) -> dict[str, NDArray[Any]]:
    found = [clip.mouth_found for item in items for clip in item.clips]
    return {"mouth_found": _concatenate(found, (0,), np.bool_), "clip_mouth": _to_offsets(lengths)}


def _collect_small_arrays(
    items: Sequence[MediaItem], face_lengths: list[int], audio_lengths: list[int]
) -> dict[str, NDArray[Any]]:
    clips = [clip for item in items for clip in item.clips]
    return {
        "face_times": _concatenate([clip.face_times for clip in clips], (0,), np.float32),
        "face_boxes": _concatenate([clip.boxes for clip in clips], (0, 4), np.float32),
        "face_landmarks": _concatenate([clip.landmarks for clip in clips], (0, 5, 2), np.float32),
        "face_confidence": _concatenate([clip.confidence for clip in clips], (0,), np.float32),
        "clip_item": np.array([position for position, item in enumerate(items) for _ in item.clips], np.int32),
        "clip_start_s": np.array([clip.start_s for clip in clips], np.float32),
        "clip_end_s": np.array([clip.end_s for clip in clips], np.float32),
        "clip_faces": _to_offsets(face_lengths),
        "clip_audio": _to_offsets(audio_lengths),
        "clip_track": np.array([clip.track for clip in clips], np.int16),
        "thumbnails": np.frombuffer(b"".join(item.thumbnail for item in items), np.uint8),
        "item_thumbnails": _to_offsets([len(item.thumbnail) for item in items]),
    }


def _make_entry(item: MediaItem) -> dict[str, Any]:
    """Attributes of an item in zarr.json."""
    return {
        "media_id": item.media_id,
        "content": item.content,
        "text": item.text,
        "reader": item.reader,
        "reason": item.reason,
        "problem": item.problem,
        "clips": len(item.clips),
        "quality": asdict(item.quality) if item.quality else None,
        "cut_start_s": item.cut_start_s,
        "cut_end_s": item.cut_end_s,
        "ambiguous_windows": item.ambiguous_windows,
        "windows_of_several_faces": item.windows_of_several_faces,
    }


class MediaShard:
    """A finished shard, opened for reading. Each chunk is compared with its checksum when it is first read."""

    def __init__(self, path: Path) -> None:
        """Raises `MissingInput` if `path` is not a media shard of this version, here and later if it is damaged."""
        try:
            self._group = zarr.open_group(str(path), mode="r", zarr_format=3)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError, FileNotFoundError) as error:
            raise MissingInput(f"{path}: not a media shard", "run `unmask preprocess` again") from error
        about = dict(self._group.attrs)
        if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
            raise MissingInput(f"{path}: not a media shard of format {VERSION}", "run `unmask preprocess` again")
        self.path = path
        self._files = CheckedFiles(path, REMEDY)
        self._files.check(["zarr.json"])
        self.settings: dict[str, Any] = about["settings"]  # type: ignore[assignment]
        self.entries: list[dict[str, Any]] = about["items"]  # type: ignore[assignment]
        self.clip_item: NDArray[np.int32] = self._read_all("clip_item")
        self._faces, self._audio = self._read_all("clip_faces"), self._read_all("clip_audio")
        self._start, self._end = self._read_all("clip_start_s"), self._read_all("clip_end_s")
        self._track = self._read_all("clip_track")
        self._mouth = self._read_all("clip_mouth") if self.has_mouth else np.zeros(len(self) + 1, np.int64)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clip_item)

    @property
    def clip_keys(self) -> list[tuple[str, int]]:
        """(media_id, number of the clip within its item) per clip."""
        keys, seen = [], dict.fromkeys(range(len(self.entries)), 0)
        for position in self.clip_item.tolist():
            keys.append((self.entries[position]["media_id"], seen[position]))
            seen[position] += 1
        return keys

    @property
    def clip_texts(self) -> list[str | None]:
        return [self.entries[position]["text"] for position in self.clip_item.tolist()]

    @property
    def face_offsets(self) -> NDArray[np.int64]:
        return self._faces

    @property
    def audio_offsets(self) -> NDArray[np.int64]:
        return self._audio

    @property
    def mouth_offsets(self) -> NDArray[np.int64]:
        """(C + 1,) offsets of the clips in the mouth arrays; all 0 without a mouth stream."""
        return self._mouth

    @property
    def has_mouth(self) -> bool:
        """Whether it was preprocessed with `preprocess.mouth_fps`."""
        return self._files.lists("mouth/zarr.json")

    @property
    def spans(self) -> NDArray[np.float32]:
        """(C, 2) float32 start and end of each clip in seconds."""
        return np.stack([self._start, self._end], axis=1)

    def array(self, name: str, section: slice = slice(None)) -> NDArray[Any]:
        """A flat array: faces, face_times, face_boxes, face_landmarks, face_confidence or audio; with a mouth
        stream also mouth and mouth_found.

        `section`: reads only its chunks; by default everything.
        """
        return self._read(name, section)

    def clip(self, number: int) -> Clip:
        """One clip; reads only its chunks."""
        faces = slice(int(self._faces[number]), int(self._faces[number + 1]))
        audio = slice(int(self._audio[number]), int(self._audio[number + 1]))
        mouth = slice(int(self._mouth[number]), int(self._mouth[number + 1]))
        return Clip(
            start_s=float(self._start[number]),
            end_s=float(self._end[number]),
            faces=self._read("faces", faces),
            face_times=self._read("face_times", faces),
            boxes=self._read("face_boxes", faces),
            landmarks=self._read("face_landmarks", faces),
            confidence=self._read("face_confidence", faces),
            audio=self._read("audio", audio),
            track=int(self._track[number]),
            **{name: self._read(name, mouth) for name in MOUTH_ARRAYS if self.has_mouth},
        )

    def item(self, position: int) -> MediaItem:
        """One item, as it was passed to `write_shard`."""
        entry = {key: value for key, value in self.entries[position].items() if key not in ("clips", "quality")}
        quality = self.entries[position]["quality"]
        return MediaItem(
            **entry,
            clips=tuple(self.clip(int(number)) for number in np.flatnonzero(self.clip_item == position)),
            quality=Quality(**quality) if quality else None,
            thumbnail=self.thumbnail(position),
        )

    def thumbnail(self, position: int) -> bytes:
        """Small JPEG of a failed item; empty if there is none."""
        begin, end = self._thumbnails[position : position + 2].tolist()
        return self._read("thumbnails", slice(begin, end)).tobytes() if end > begin else b""

    @cached_property
    def _thumbnails(self) -> NDArray[np.int64]:
        return self._read_all("item_thumbnails")

    def _read(self, name: str, section: slice) -> NDArray[Any]:
        with self._files.keep():
            # First the header, which says what the chunks are.
            self._files.check([f"{name}/zarr.json"])
            self._files.check(self._list_files(name, section))
            return np.asarray(_use_zarrs(self._group[name])[section])

    def _list_files(self, name: str, section: slice) -> list[str]:
        """The files that hold a section of an array; chunks divide the first axis alone."""
        array: Any = self._group[name]
        begin, end, _ = section.indices(array.shape[0])
        length = (array.shards or array.chunks)[0]
        chunks = range(begin // length, -(-end // length)) if end > begin else range(0)
        inner = "/0" * (array.ndim - 1)
        return [f"{name}/c/{chunk}{inner}" for chunk in chunks]

    def _read_all(self, name: str) -> NDArray[Any]:
        return self._read(name, slice(None))


def shard_is_whole(path: Path) -> bool:
    """True if every file of the shard has the checksum from when it was written."""
    return path.is_dir() and not find_damage(path)


def _use_zarrs(array: Any) -> Any:
    """The array with zarrs as decoder: parallel and in Rust, four times faster on two cores, more on many.

    Set on this array only. zarr's own switch affects the whole process, and another thread may be writing tokens at the
    same time: zarrs omits chunks of zeros.
    """
    inner = array.async_array
    pipeline = ZarrsCodecPipeline.from_array_metadata_and_store(inner.metadata, inner.store_path.store)
    object.__setattr__(inner, "codec_pipeline", pipeline)
    return array


def _concatenate(arrays: list[NDArray[Any]], empty: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(empty, dtype), *arrays]).astype(dtype, copy=False)


def _to_offsets(lengths: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
