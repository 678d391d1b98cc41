"""A bundle as Python sees it: a run that scores files, and that nothing is written into."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from unmask.core.errors import MissingInput, UsageError
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder
from unmask.environment import set_environment
from unmask.run import Run, RunTable
from unmask.tables import VerdictTable

if TYPE_CHECKING:
    from unmask.train.bundles.listing import BundleInfo

log = logging.getLogger("unmask")


class BundleRun(Run):
    """A run in a bundle. `predict` works as that of the run it was made from; no work folder is needed."""

    @cached_property
    def about(self) -> BundleInfo:
        """What it needs, the class of machine it was made on, and its files. `MissingInput` for a damaged bundle."""
        from unmask.train.bundles.opening import open_bundle

        found = open_bundle(self.folder)
        if found is None:
            raise MissingInput(f"{self.folder}: no bundle", "unmask bundle RUN OUT")
        return found

    def check(self) -> None:
        """Compare every file with bundle.json, and read its settings. `MissingInput` for a damaged bundle."""
        from unmask.train.run_folder import read_info

        log.debug("%s: %d files are as they were written", self.about.run, len(self.about.files))
        read_info(self.folder)

    @property
    def name(self) -> str:
        """Of the run that it was made from."""
        return self.about.run

    @property
    def members(self) -> RunTable:
        from unmask.train.bundles.listing import MEMBERS
        from unmask.train.run_choice import list_members

        return RunTable(Run(self.folder / MEMBERS / name, self._work) for name in list_members(self.folder))

    def predict(
        self, files: Iterable[str | Path] | str | Path, *, device: str = "auto", **options: Any
    ) -> VerdictTable:
        """`Run.predict`; a line says when this is another class of machine than the one that the bundle was made on."""
        from unmask.train.bundles.machine_class import describe_difference

        if difference := describe_difference(self.about.machine, choose_device(device)):
            log.warning("%s: %s", self.name, difference)
        return super().predict(files, device=device, **options)

    def push(self, name: str, *, public: bool = False) -> str:
        """Upload it to the model hub as owner/name, private unless `public`; the address of the commit."""
        from unmask.evaluation.bundle.push import push_bundle

        return push_bundle(self.folder, name, public=public)

    def evaluate(self, *arguments: Any, **options: Any) -> NoReturn:
        """`UsageError`, as of `robustness`, `report` and `bundle`: nothing is written into a bundle."""
        raise UsageError(f"{self.folder}: a bundle, which nothing is written into", "use the run that it was made from")

    robustness = report = bundle = evaluate


def open_bundle(path: str | Path) -> BundleRun:
    """The bundle in the folder `path`, after every file of it was compared with its bundle.json.

    `MissingInput` where there is no bundle, or one that was changed.
    """
    set_environment()
    bundle = BundleRun(Path(path), WorkFolder(Path(path).absolute().parent))
    bundle.check()
    return bundle


def open_folder(folder: Path, work: WorkFolder) -> Run:
    """The run, or the bundle, in `folder`."""
    from unmask.train.bundles.opening import is_bundle

    return BundleRun(folder, work) if is_bundle(folder) else Run(folder, work)


def make_bundle(run: Path, out: Path, work: WorkFolder, license: str | None) -> BundleRun:
    """`Run.bundle`."""
    from unmask.evaluation.bundle.write import write_bundle

    write_bundle(run, out, work, license=license)
    return BundleRun(out, work)
