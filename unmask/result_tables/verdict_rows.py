"""A verdict as one row of a table: words, numbers and short texts, nothing nested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.evaluation.verdicts.verdict import Verdict


def flatten_verdict(verdict: Verdict) -> dict[str, Any]:
    """The same columns for every verdict; None where a value has no meaning. Details are in `Verdict.as_json`."""
    evidence, scope, custody = verdict.evidence, verdict.scope, verdict.custody
    low, high = evidence.interval if evidence else (None, None)
    return {
        "path": verdict.path,
        "words": verdict.words,
        "verdict": verdict.verdict,
        "reliable": scope.reliable if scope else None,
        "llr": evidence.llr if evidence else None,
        "llr_low": low,
        "llr_high": high,
        "llr_image": verdict.image_evidence.llr if verdict.image_evidence else None,
        "llr_audio": verdict.audio_evidence.llr if verdict.audio_evidence else None,
        "score": verdict.score,
        "threshold": verdict.threshold,
        "video_score": verdict.video_score,
        "audio_score": verdict.audio_score,
        "clips": len(verdict.clips),
        "faces": len(verdict.faces),
        "faces_found": verdict.faces_found,
        "sync_offset_ms": verdict.sync.offset_ms if verdict.sync else None,
        "sync_fit": verdict.sync.fit if verdict.sync else None,
        "judged": ", ".join(verdict.judged),
        "not_judged": "; ".join(verdict.not_judged),
        "not_reliable_because": "; ".join(scope.reasons) if scope else "",
        "notes": "; ".join(scope.notes) if scope else "",
        "reason": verdict.reason,
        "sha256": custody.sha256 if custody else None,
        "judged_at": custody.judged_at if custody else None,
        "content_credentials": custody.content_credentials.state if custody else None,
        "run": verdict.run,
    }
