"""An evaluation says which encoder was trained on an evaluated dataset, from the profile of the last extraction."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tiny_chain import CPU, Chain, config

from unmask.cache.stage import extract
from unmask.core.files import sealed_files
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.ablation.ablate import ablate
from unmask.evaluation.evaluate import evaluate, find_evaluation
from unmask.evaluation.results import read_evaluation
from unmask.evaluation.sentences import describe_seen
from unmask.preprocess.profiles import Profile, tiny


def test_what_the_profile_says_of_an_encoder_counts_for_runs_that_were_trained_before(chain: Chain, tmp_path: Path):
    work = WorkFolder(tmp_path / "work")
    shutil.copytree(chain.work.root, work.root)
    run = work.runs / chain.run.name
    assert evaluate(run, work, device=CPU).seen == ()

    image, *others = tiny().encoders
    image = image.changed({"trained_on": ["Pictures 2", "Elsewhere"]})
    told = Profile(name="tiny", preprocess=tiny().preprocess, encoders=(image, *others))
    report = extract(chain.manifest, told, work, device=CPU)
    assert sum(one.done for one in report) == 0, "no token depends on it"

    evaluation = evaluate(run, work, device=CPU)
    (seen,) = evaluation.seen
    assert (seen.encoder, seen.dataset, seen.trained_on) == ("tiny_image", "pictures", "Pictures 2")
    about = sealed_files.read_json(run / "evaluation.json")
    assert about.pop("seen")[0]["known_by"] == "the profile"

    # As a version wrote it that did not look.
    (run / "evaluation.json").write_text(json.dumps(about))
    assert read_evaluation(run).seen == ()
    assert find_evaluation(run) == evaluation
    table = ablate(work, {"full": config()}, [0], device=CPU)
    assert table.rows[0].runs == (run.name,)
    assert table.shortcuts[0] == describe_seen(evaluation)[0][0]
    assert "tiny_image was trained on pictures (by Pictures 2)" in describe_seen(evaluation)[0][0]
