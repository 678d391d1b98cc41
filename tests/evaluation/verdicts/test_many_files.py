"""Many files: verdicts batch by batch, continued by the next call, whatever one of the files does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from guides import code_blocks, execute_block

from unmask.core.errors import UsageError
from unmask.core.files import sealed_files
from unmask.evaluation.input_files import find_files
from unmask.evaluation.verdicts import predict as module
from unmask.evaluation.verdicts.batches import split_batches
from unmask.evaluation.verdicts.custody.sign import hash_run
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.evaluation.verdicts.verdict_file import VerdictFile
from unmask.preprocess.stage import Limits
from unmask.train.run_folder import load_run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[str]:
    chain = request.getfixturevalue("chain")
    folder = tmp_path_factory.mktemp("judged")
    for name in ("pictures/test/real/0.png", "pictures/test/fake/0.png", "sounds/test/real/0.wav"):
        shutil.copy(chain.data_root / name, folder / name.replace("/", "-"))
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n but no picture")
    (folder / "notes.txt").write_text("not media")
    found = find_files([str(folder)])
    assert found.skipped == 1
    return found.files


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "split_batches", lambda names: split_batches(names, 2))


def options(out: Path | None = None) -> PredictOptions:
    return PredictOptions(out=out, limits=Limits(workers=1, fork=True))


def scores(verdicts: list[Verdict]) -> dict[str, float | None]:
    return {verdict.path: verdict.score for verdict in verdicts}


def test_batches_hold_to_their_limits_and_lose_no_file(tmp_path):
    names = []
    for number, size in enumerate((10, 10, 50, 1, 1, 1)):
        path = tmp_path / str(number)
        path.write_bytes(b"x" * size)
        names.append(str(path))
    batches = list(split_batches(names, 2, 20))
    assert [name for batch in batches for name in batch] == names
    assert [len(batch) for batch in batches] == [2, 1, 2, 1]


def test_batches_change_no_score_and_a_killed_call_is_continued(chain, files, tmp_path, monkeypatch, small_batches):
    out, asked = tmp_path / "verdicts.jsonl", []
    judge = module.judge_files

    def count(paths, *rest):
        asked.append(len(paths))
        return judge(paths, *rest)

    monkeypatch.setattr(module, "judge_files", count)
    killed = module.iterate_verdicts(files, chain.run, device=CPU, options=options(out))
    next(killed)
    killed.close()
    with out.open("ab") as file:
        file.write(b'{"unmask_verdict": 1, "path": "half')
    verdicts = list(module.iterate_verdicts(files, chain.run, device=CPU, options=options(out)))
    assert asked == [2, 2]  # the first batch was written before its first verdict was handed out
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["path"] for line in lines] == files

    monkeypatch.setattr(module, "split_batches", split_batches)
    alone = list(module.iterate_verdicts(files, chain.run, device=CPU, options=options()))
    assert scores(alone) == {path: pytest.approx(score, abs=1e-5) for path, score in scores(verdicts).items()}
    assert sum(score is None for score in scores(alone).values()) == 1

    again = list(module.iterate_verdicts(files, chain.run, device=CPU, options=options(out)))
    assert len(asked) == 3
    assert again == verdicts


def test_a_line_of_a_changed_file_does_not_count(chain, files, tmp_path):
    out, path = tmp_path / "verdicts.jsonl", tmp_path / "picture.png"
    shutil.copy(files[1], path)
    (before,) = module.iterate_verdicts([str(path)], chain.run, device=CPU, options=options(out))
    shutil.copy(files[2], path)
    (after,) = module.iterate_verdicts([str(path)], chain.run, device=CPU, options=options(out))
    assert before.custody.sha256 != after.custody.sha256
    assert before.score != after.score


def test_a_file_of_something_else_is_neither_read_nor_changed(chain, files, tmp_path):
    for content in (b"path,score\na,1\n", b"no line at all"):
        out = tmp_path / "other.csv"
        out.write_bytes(content)
        with pytest.raises(UsageError, match="not a file of verdicts"):
            list(module.iterate_verdicts(files[:1], chain.run, device=CPU, options=options(out)))
        assert out.read_bytes() == content


def test_a_flipped_bit_costs_the_line_that_it_is_in(chain, files, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    verdicts = list(module.iterate_verdicts(files, chain.run, device=CPU, options=options(out)))
    lines = out.read_bytes().splitlines(keepends=True)
    place = lines[1].index(b'"verdict": "') + len(b'"verdict": "')
    for damaged in (lines[1].replace(b'"score": 0.', b'"score": 0.9', 1), b"~" + lines[1][1:], lines[1][:place] + b"x"):
        out.write_bytes(b"".join([lines[0], damaged.rstrip(b"\n") + b"\n", *lines[2:]]))
        with VerdictFile(out, "") as file:
            assert len(file._lines) == len(lines) - 1
    again = list(module.iterate_verdicts(files, chain.run, device=CPU, options=options(out)))
    assert scores(again) == pytest.approx(scores(verdicts), abs=1e-6)  # judged alone: another batch


def test_a_verdict_says_what_it_was_made_with(chain, files):
    import hashlib

    verdict = next(module.iterate_verdicts(files[1:2], chain.run, device=CPU, options=options()))
    custody = verdict.custody
    assert custody is not None
    assert custody.sha256 == hashlib.sha256(Path(files[1]).read_bytes()).hexdigest()
    assert custody.run == chain.run.name
    assert dict(custody.encoders).keys() == {"tiny_image", "tiny_audio", "tiny_text"}
    assert dict(custody.settings)["face_size"] == "64"
    assert custody.content_credentials.state == "none"


def test_the_hash_of_a_run_is_of_what_it_loads(chain, tmp_path):
    before = hash_run(load_run(chain.run, CPU))
    moved = shutil.copytree(chain.run, tmp_path / "elsewhere")
    assert hash_run(load_run(moved, CPU)) == before
    about = sealed_files.read_json(moved / "inputs.json")
    (moved / "inputs.json").write_text(json.dumps(about | {"threshold": 0.123}))
    assert hash_run(load_run(moved, CPU)) != before


def test_a_file_that_changes_while_it_is_judged_says_so(chain, files, tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    shutil.copy(files[1], path)
    judge = module.judge_files

    def change(paths, *rest):
        verdicts = judge(paths, *rest)
        shutil.copy(files[2], path)
        return verdicts

    monkeypatch.setattr(module, "judge_files", change)
    (verdict,) = module.iterate_verdicts([str(path)], chain.run, device=CPU, options=options())
    assert "changed while it was judged" in (verdict.reason or "")


def test_the_example_of_the_guide_runs(chain, files, tmp_path, capsys):
    shutil.copy(files[1], tmp_path / "picture.png")
    execute_block(code_blocks("predict.md")[0], "predict_guide").judge(chain.work.root, tmp_path)
    assert str(tmp_path / "picture.png") in capsys.readouterr().out
    assert len((tmp_path / "verdicts.jsonl").read_text().splitlines()) == 1
