"""The commands that the campaign disturbs, each after the one whose work folder it starts from."""

from __future__ import annotations

from benchmarks.chaos.stage import Stage

FAILED = "vanished,timeout,unreadable,unsupported,crashed,memory"
TWO = ("--workers", "2")
CPU = ("--device", "cpu")
TINY = ("--profile", "tiny")
ANY = ("--max-failures", "1")
SHORT = ("--set", "train.epochs=1", "--set", "train.patience=1")
OTHER_TOKENS = "encoders=[{{name: tiny_image, grid: 2}}]"
CLEAN = ("cache", "gc", "--yes")

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            name="scan",
            reads=("probes",),
            arguments=("scan", "{data}", *TWO),
            reads_media=True,
            has_workers=True,
            beside=("split", "default", "--seed", "1"),
        ),
        Stage(
            name="split",
            after="scan",
            reads=("manifest", "probes", "findings"),
            arguments=("split", "default", "--seed", "1"),
            beside=("scan", "{data}", *TWO),
        ),
        Stage(
            name="audit",
            after="split",
            reads=("manifest", "probes", "findings"),
            arguments=("audit", "--near", *TWO),
            reads_media=True,
            has_workers=True,
        ),
        Stage(
            name="merge of scans",
            first=(
                ("scan", "{data}", *TWO, *ANY, "--shard", "1/2", "--work", "{work}/elsewhere"),
                ("scan", "{data}", *TWO, *ANY, "--shard", "2/2"),
            ),
            reads=("elsewhere", "probes", "manifest", "scan"),
            arguments=("merge", "{work}/elsewhere", *TINY, *TWO),
            has_workers=True,
        ),
        Stage(
            name="preprocess",
            after="split",
            reads=("manifest", "profile"),
            arguments=("preprocess", *TINY, *TWO),
            again=("--retry", FAILED),
            reads_media=True,
            has_workers=True,
        ),
        Stage(
            name="merge of media and tokens",
            after="split",
            first=(
                ("preprocess", *TINY, *TWO, "--shard", "1/2"),
                ("preprocess", *TINY, *TWO, "--shard", "2/2"),
                ("extract", *TINY, *CPU, "--shard", "1/2"),
                ("extract", *TINY, *CPU, "--shard", "2/2"),
            ),
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("merge", *TINY, *TWO),
        ),
        Stage(
            name="extract",
            after="preprocess",
            reads=("manifest", "media/", "profile"),
            arguments=("extract", *TINY, *CPU),
            beside=CLEAN,
        ),
        Stage(
            name="probe",
            after="extract",
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("probe", "--items", "10", *CPU),
        ),
        Stage(
            name="export",
            after="extract",
            reads=("manifest", "tokens/", "media/"),
            arguments=("cache", "export", "{work}/tokens.h5"),
        ),
        Stage(
            name="export of means",
            after="extract",
            reads=("manifest", "tokens/", "media/"),
            arguments=("cache", "export", "{work}/means.parquet", "--format", "parquet"),
        ),
        Stage(
            name="import",
            after="export",
            lacks=("tokens",),
            reads=("tokens.h5", "manifest", "profile"),
            arguments=("cache", "import", "{work}/tokens.h5"),
            beside=CLEAN,
        ),
        Stage(
            name="suite",
            after="extract",
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("suite", "folds:3", "--presets", "image-baseline", "--no-linear", "--seeds", "0", *SHORT, *CPU),
        ),
        Stage(
            name="ensemble",
            after="extract",
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("train", "--ensemble", "2", "--preset", "image-baseline", *SHORT, *CPU),
        ),
        Stage(
            name="train",
            after="extract",
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("train", *CPU, "--set", "train.epochs=3", "--set", "train.patience=3"),
        ),
        Stage(
            name="evaluate",
            after="train",
            reads=("manifest", "tokens/", "media/", "runs/"),
            arguments=("evaluate", *CPU),
            beside=("train", *CPU, "--set", "train.epochs=3", "--set", "train.patience=3"),
        ),
        Stage(
            name="robustness",
            after="evaluate",
            reads=("manifest", "tokens/", "media/", "runs/"),
            arguments=("robustness", "--only", "jpeg", "--strengths", "1", *CPU),
            reads_media=True,
        ),
        Stage(
            name="scores of others",
            after="evaluate",
            first=(("evaluate", *CPU, "--export", "{given}/ours.csv"),),
            reads=("manifest", "tokens/", "media/"),
            arguments=("evaluate", "--scores", "{given}/ours.csv", *CPU),
        ),
        Stage(
            name="report",
            after="evaluate",
            reads=("manifest", "findings", "media/", "runs/", "tokens/"),
            arguments=("report",),
            beside=("evaluate", *CPU),
        ),
        Stage(
            name="predict",
            after="evaluate",
            reads=("runs/", "profile"),
            arguments=(
                "predict",
                "{data}/pictures/test/fake",
                "{data}/sounds/test/real/0.wav",
                "--out",
                "{work}/verdicts.jsonl",
                *CPU,
                *TWO,
            ),
            reads_media=True,
            has_workers=True,
            forks=True,
        ),
        Stage(
            name="serve",
            after="evaluate",
            reads=("runs/", "profile"),
            arguments=("serve", "--port", "0", *CPU),
            has_workers=True,
            forks=True,
            answers=True,
            writes=False,
            is_service=True,
            ends=130,
        ),
        Stage(
            name="bundle",
            after="evaluate",
            reads=("runs/", "manifest"),
            arguments=("bundle", "{run}", "{work}/bundle"),
            beside=("evaluate", *CPU),
        ),
        Stage(
            name="predict of a bundle",
            after="bundle",
            reads=("bundle/",),
            arguments=(
                "predict",
                "{data}/pictures/test/fake",
                "--run",
                "{work}/bundle",
                "--out",
                "{work}/verdicts.jsonl",
                *CPU,
                *TWO,
            ),
            reads_media=True,
            has_workers=True,
            forks=True,
        ),
        Stage(
            name="ablate",
            after="evaluate",
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("ablate", "--presets", "image-baseline", "--seeds", "0", *SHORT, *CPU),
        ),
        Stage(
            name="compare",
            after="ablate",
            reads=("runs/", "manifest"),
            arguments=("compare", "{run}", "{other}", "--common", "--out", "{work}/compared"),
            answers=True,
            beside=("evaluate", "{other}", *CPU),
        ),
        Stage(
            name="runs ls",
            after="ablate",
            reads=("runs/",),
            arguments=("runs", "ls"),
            answers=True,
            lists_damage=True,
            writes=False,
        ),
        Stage(
            name="runs show",
            after="ablate",
            reads=("runs/",),
            arguments=("runs", "show", "{run}"),
            answers=True,
            lists_damage=True,
            writes=False,
        ),
        Stage(
            name="runs rm",
            after="ablate",
            reads=("runs/",),
            arguments=("runs", "rm", "{other}", "--yes"),
            writes=False,
            ends_again=4,
        ),
        Stage(
            name="cache ls",
            after="ablate",
            reads=("tokens/", "runs/"),
            arguments=("cache", "ls"),
            answers=True,
            lists_damage=True,
            writes=False,
        ),
        Stage(
            name="cache gc",
            after="evaluate",
            first=(
                ("extract", *TINY, *CPU, "--set", OTHER_TOKENS),
                ("extract", *TINY, *CPU),
            ),
            lacks=("tokens/[0-9a-f]*.json",),
            reads=("tokens/", "runs/", "profile"),
            arguments=CLEAN,
            writes=False,
        ),
        Stage(
            name="verify",
            after="evaluate",
            reads=("media/", "tokens/", "manifest"),
            arguments=("cache", "verify", "--repair", *CPU),
            beside=("extract", *TINY, *CPU),
        ),
    )
}

NO_FOLDER, OF_OTHERS = "it touches no work folder", "it runs commands that are stages"
LEFT_OUT = {
    "presets": NO_FOLDER,
    "datasets": NO_FOLDER,
    "demo-data": NO_FOLDER,
    "doctor": "it looks at the machine, and reads only which profile was chosen",
    "demo": OF_OTHERS,
    "transcribe": "it needs a package that a campaign has not",
    "adapt": "it needs an encoder with weights",
    "cache du": "it reads the sizes of files only",
}
"""Commands that are no stage, and why."""
