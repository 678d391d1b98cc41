"""Which parts of a face the score is made of, by occlusion (Zeiler and Fergus, ECCV 2014).

k cells per side, V = 1 + k * k versions of a face crop: as it is, then with each cell blurred; S pixels per side
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from unmask.cache.encoders import find_stream_name, make_encoder
from unmask.cache.extraction_plan import StoreJob
from unmask.cache.network_passes import NetworkPass, group_jobs
from unmask.core.stage_report import StageReport
from unmask.evaluation.explanation.masked_clip import MaskedClip
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.verdicts.findings import Contribution, FaceMap
from unmask.preprocess.shards.media_shard import MediaShard

CELLS = 7
BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceCrop:
    """One face of a clip."""

    clip: int
    """Row of the clip table."""
    number: int
    """Among the faces of the clip."""
    time_s: float
    pixels: NDArray[np.uint8]
    """(S, S, 3) RGB"""


class FaceMapper:
    """Draws maps for the files of one work folder; networks are loaded for the first one and kept."""

    def __init__(self, opened: OpenRun, device: torch.device) -> None:
        self._opened, self._device = opened, device
        self._specs = {name: opened.info.streams[name].spec for name in opened.loaded.model.shape.streams}
        self._passes: list[NetworkPass] | None = None

    @property
    def streams(self) -> list[str]:
        """Encoders that read faces one by one."""
        return [name for name, spec in self._specs.items() if spec.input == "image"]

    @property
    def without_map(self) -> list[str]:
        """Encoders of the image that do not."""
        return [name for name, spec in self._specs.items() if spec.modality == "image" and spec.input != "image"]

    def draw(self, face: FaceCrop, scale: float) -> Iterator[FaceMap]:
        """One map per encoder: the logit of the file with the face as it is, less that with each cell blurred.

        `scale`: share of the clip's logit in that of the file. Only the tokens of this encoder and face change.
        """
        versions = torch.from_numpy(blur_cells(face.pixels, CELLS))
        masked = MaskedClip(self._opened.loaded, self._opened.data, face.clip, self._device)
        for one in self._load():
            for job, tokens in zip(one.jobs, one.runner.run(versions), strict=True):
                if not np.isfinite(tokens).all():
                    continue
                shown = self._insert(job.stream, face, torch.from_numpy(tokens).float())
                logits = masked.score_tokens({job.stream: shown})
                cells = (scale * (logits[0] - logits[1:])).reshape(CELLS, CELLS)
                yield FaceMap(time_s=face.time_s, stream=job.stream, rows=tuple(map(tuple, cells.tolist())))

    def _insert(self, stream: str, face: FaceCrop, tokens_VTD: torch.Tensor) -> torch.Tensor:
        """(V, n, D) the clip's tokens with those of the face in their place."""
        own, _ = self._opened.data.streams[stream].take(np.array([face.clip]))
        shown = own.float().cpu().expand(len(tokens_VTD), *own.shape).clone()
        width = tokens_VTD.shape[1]
        shown[:, face.number * width : (face.number + 1) * width] = tokens_VTD
        return shown

    def _load(self) -> Sequence[NetworkPass]:
        if self._passes is None:
            data, jobs = self._opened.data, []
            for choice in data.profile.encoders:
                name = find_stream_name(choice)
                if name in self.streams:
                    # The projection that was fitted for the training, whatever the profile asked for.
                    choice = choice.model_copy(update={"projection": self._specs[name].projection})
                    encoder, folder = make_encoder(choice, self._device), data.streams[name].store.folder
                    jobs.append(StoreJob(choice, encoder, folder, "", StageReport(f"explain {name}")))
            self._passes = [NetworkPass(group, self._device, BATCH) for group in group_jobs(jobs)]
        return self._passes


def choose_face(opened: OpenRun, clips: Sequence[int], contributions: Sequence[Contribution]) -> FaceCrop | None:
    """The face in the middle of the span whose image contributes most, in either direction; None without faces."""
    images = [one for one in contributions if one.modality == "image"]
    if not images:
        return None
    strongest = max(images, key=lambda one: abs(one.logit))
    middle, best = (strongest.start_s + strongest.end_s) / 2, None
    table, wanted = opened.data.clips, {}
    for clip in clips:
        wanted[str(table.media_id[clip]), int(table.clip[clip])] = clip
    for path in opened.shards:
        shard = MediaShard(path)
        offsets, all_times = shard.face_offsets, shard.array("face_times")
        for place, key in enumerate(shard.clip_keys):
            if key not in wanted:
                continue
            times = all_times[offsets[place] : offsets[place + 1]]
            if len(times):
                number = int(np.abs(times - middle).argmin())
                distance = abs(float(times[number]) - middle)
                if best is None or distance < best[0]:
                    best = (distance, shard, place, number, wanted[key])
    if best is None:
        return None
    _, shard, place, number, clip = best
    found = shard.clip(place)
    return FaceCrop(clip=clip, number=number, time_s=float(found.face_times[number]), pixels=found.faces[number])


def blur_cells(pixels: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """(S, S, 3) -> (V, S, S, 3): the crop, then with each cell as it looks when the crop has `cells` pixels per side.

    A patch of one color would add edges that no face has.
    """
    size = pixels.shape[0]
    x_13SS = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    blurred = F.interpolate(F.adaptive_avg_pool2d(x_13SS, cells), (size, size), mode="bilinear", align_corners=False)
    smooth = blurred[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    versions = np.repeat(pixels[None], 1 + cells * cells, axis=0)
    edges = np.round(np.linspace(0, size, cells + 1)).astype(int)
    for cell in range(cells * cells):
        row, column = divmod(cell, cells)
        area = (slice(edges[row], edges[row + 1]), slice(edges[column], edges[column + 1]))
        versions[1 + cell][area] = smooth[area]
    return versions
