"""Imported by the process that warm workers are forked from: it loads the networks that each of them would load."""

from __future__ import annotations

import torch

from unmask.preprocess.worker import warm_up

# One thread: a fork of a process with the threads of OpenMP would wait for them forever.
torch.set_num_threads(1)
warm_up()
