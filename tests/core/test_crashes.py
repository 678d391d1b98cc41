"""Which errors concern one item and which the whole run, and how they are described."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from raised_errors import RAISED, Speechless

from unmask.core.crashes import as_run_error, describe_crash, describe_crashes
from unmask.core.errors import MachineFailed, MissingInput, NoSpace, UsageError
from unmask.core.hashing import hash_file


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UsageError("settings", "mend them"), UsageError),
        (MissingInput("no weights", "fetch them"), MissingInput),
        (OSError(errno.ENOSPC, "No space left on device"), NoSpace),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), NoSpace),
        (RuntimeError("write failed: No space left on device"), NoSpace),
        (OSError(errno.EMFILE, "Too many open files"), MachineFailed),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MachineFailed),
        (MemoryError(), MachineFailed),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MachineFailed),
        (RuntimeError("CUDA error: device-side assert triggered"), MachineFailed),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), MachineFailed),
        (ModuleNotFoundError("No module named 'x'"), MissingInput),
    ],
)
def test_what_every_later_item_would_meet_too_ends_the_run(error, kind):
    assert type(as_run_error(error)) is kind


@pytest.mark.parametrize("name", RAISED)
def test_all_else_concerns_one_item(name):
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        RAISED[name]()
    assert as_run_error(caught.value) is None


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ENOENT, errno.ESTALE, errno.ELOOP])
def test_errors_of_the_system_about_one_file_concern_that_file(number):
    assert as_run_error(OSError(number, "about it", "a.mp4")) is None


def test_a_crash_is_described_by_type_message_and_place(tmp_path: Path):
    with pytest.raises(FileNotFoundError) as caught:
        hash_file(tmp_path / "a.mp4")
    text = describe_crash(caught.value, tmp_path / "a.mp4")
    assert text.startswith("FileNotFoundError: [Errno 2] No such file or directory: 'a.mp4' (core.files.regular_files:")


def test_a_description_fits_on_one_line_whatever_the_exception_says():
    assert describe_crash(ValueError("two\nlines \udcff")) == "ValueError: two lines \\udcff"
    assert len(describe_crash(ValueError("x" * 999))) < 350
    assert describe_crash(Speechless()) == "Speechless: its message cannot be read"


def test_crashes_are_counted_and_the_most_frequent_texts_shown():
    reasons = ["unreadable: text", None, *["crashed: IndexError: 3"] * 2, "crashed: KeyError: 'a'"]
    assert describe_crashes(reasons) == [
        "3 items met an unexpected error, please report: IndexError: 3 (2 times); KeyError: 'a'"
    ]
    assert describe_crashes(["timeout: not finished"]) == []
    assert describe_crashes(["crashed: E: 1"]) == ["1 item met an unexpected error, please report: E: 1"]
