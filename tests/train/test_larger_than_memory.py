"""Training on a cache that is ten times the memory it may use: the weights of a run that holds all tokens, resumed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.run_folder import load_state

CPU = torch.device("cpu")
# Of 1 KiB each, 160 MiB together.
CLIPS, TOKENS = 2048, 80
CONFIG = TrainConfig(size="small", epochs=2, batch_size=4, linear_term=False, lag=False)

PROGRAM = """
import pickle, resource, sys, threading
from contextlib import ExitStack
from pathlib import Path
import torch
from unmask.core.machine import PROC, _read_facts
from unmask.core.processes.large_blocks import return_large_blocks
from unmask.train import fit as fit_module
from unmask.train.auto_size import SIZES, Size
from unmask.train.data.stream_tokens import place_for
from unmask.train.data.token_data import TokenData
torch.set_num_threads(1)
# The limit counts whole stacks, of which little is used, and what malloc keeps for later.
threading.stack_size(1 << 18)
blocks = ExitStack()
blocks.enter_context(return_large_blocks())
SIZES["small"] = Size(layers=2, heads=2, width=32, feedforward=64, max_batch=64)
folder, allowed = Path(sys.argv[1]), int(sys.argv[2])
few, data, config = pickle.loads((folder / "given.pickle").read_bytes())
CPU = torch.device("cpu")
# What Python, PyTorch and their threads take, whatever the number of clips.
fit_module.fit(few, config, folder / "few", device=CPU)
used = _read_facts(PROC / "self" / "status")["VmData"] * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + allowed, used + allowed))
whole = sum(stream.bytes for stream in data.streams.values())
assert whole >= 10 * allowed, whole
assert place_for(whole, CPU) is None
try:
    torch.empty(whole, dtype=torch.uint8)
except RuntimeError:
    pass
else:
    raise AssertionError("the limit does not hold")
validate, epochs = fit_module.validate, []

def stop_in_second_epoch(*given, **named):
    epochs.append(1)
    if len(epochs) == 2:
        raise KeyboardInterrupt
    return validate(*given, **named)

fit_module.validate = stop_in_second_epoch
assert fit_module.fit(data, config, folder / "limited", device=CPU).stopped
fit_module.validate = validate
summary = fit_module.fit(data, config, folder / "limited", device=CPU)
assert summary.epochs == 2 and not summary.stopped
"""


def _unload(data: TokenData) -> TokenData:
    """The same tokens, read from the disk."""
    return replace(data, streams={name: replace(stream, held=None) for name, stream in data.streams.items()})


def test_a_run_with_a_tenth_of_the_memory_of_its_tokens_gets_the_same_weights(make_data, made_item, tmp_path: Path):
    splits = ["val"] * 8 + ["train"] * (CLIPS - 8)  # a batch of validation is larger than one of training
    items = [made_item(n % 2, {"ear": TOKENS}, split=split, kind="audio") for n, split in enumerate(splits)]
    data, few = make_data(items), make_data(items[:64])
    fit(data, CONFIG, tmp_path / "resident", device=CPU)
    given = pickle.dumps((_unload(few), _unload(data), CONFIG))
    (tmp_path / "given.pickle").write_bytes(given)
    allowed = data.streams["ear"].bytes // 10
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(allowed)], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    resident, limited = (load_state(tmp_path / run / "last.pth", CPU) for run in ("resident", "limited"))
    for name, expected in resident["model"].items():
        np.testing.assert_array_equal(limited["model"][name].numpy(), expected.numpy(), err_msg=name)
