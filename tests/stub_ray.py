"""A stand-in for the package ray: it runs tasks and actors in this process, and lets their workers die.

Functions, parts and outcomes go through pickle, as between machines. References are ready one by one, the youngest
first, so that what depends on an order fails.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class WorkerDies(BaseException):
    """Raised within a part: its worker is killed there."""


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class WorkerCrashedError(RayError):
    pass


class Reference:
    """What `remote` gives; filled at once, or never where `call` is None."""

    def __init__(self, call: Callable[[], Any] | None, retries: int) -> None:
        self.ready = call is not None
        self._value, self._error = None, None
        tries = 0
        while call is not None:
            tries += 1
            try:
                self._value = pickle.loads(pickle.dumps(call()))
                return
            except WorkerDies:
                if tries > retries:
                    self._error = WorkerCrashedError("the worker died")
                    return
            except Exception as error:
                self._error = RayTaskError(error)
                return

    def get(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class _Function:
    def __init__(self, ray: StubRay, function: Any, **options: Any) -> None:
        self._ray, self._function, self._options = ray, function, options

    def options(self, **options: Any) -> _Function:
        return type(self)(self._ray, self._function, **{**self._options, **options})

    def remote(self, *arguments: Any) -> Any:
        self._ray.began.append(self._options)
        sent = pickle.dumps((self._function, arguments))

        def call() -> Any:
            function, given = pickle.loads(sent)
            return function(*given)

        return Reference(call, self._options.get("max_retries", 0))


class _Class(_Function):
    def remote(self, *arguments: Any) -> Any:
        self._ray.began.append(self._options)
        made = [self._function(*pickle.loads(pickle.dumps(arguments)))]

        def restart() -> None:
            made[0] = self._function(*pickle.loads(pickle.dumps(arguments)))

        self._ray.actors.append(made)
        is_late = len(self._ray.actors) - 1 in self._ray.late_actors
        return _Handle(made, restart, self._options, is_late)


class _Handle:
    """Of an actor."""

    def __init__(self, made: list[Any], restart: Any, options: dict[str, Any], is_late: bool) -> None:
        self._about = (made, restart, options, is_late)

    def __reduce__(self) -> Any:
        _handles[id(self)] = self
        return _find_handle, (id(self),)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        made, restart, options, is_late = self._about

        def remote(*arguments: Any) -> Reference:
            sent = pickle.dumps(arguments)

            def call() -> Any:
                try:
                    return getattr(made[0], name)(*pickle.loads(sent))
                except WorkerDies:
                    restart()
                    raise

            return Reference(None if is_late else call, options.get("max_task_retries", 0))

        return SimpleNamespace(remote=remote)


_handles: dict[int, _Handle] = {}


def _find_handle(number: int) -> _Handle:
    return _handles[number]


class StubRay:
    """In place of the module."""

    def __init__(self, cpus: tuple[int, ...] = (4,), gpus: int = 0, late_actors: tuple[int, ...] = ()) -> None:
        self._nodes = [{"Alive": True, "Resources": {"CPU": float(n), "GPU": float(gpus), "memory": 8e9}} for n in cpus]
        self.late_actors = late_actors
        """Actors, by their number, for which there is no room. The first is the tally of a `RayCluster`."""
        self.began: list[dict[str, Any]] = []
        """Options of every task and actor."""
        self.actors: list[list[Any]] = []
        self.most_waited = 0
        self.killed = 0
        self.inits: list[dict[str, Any]] = []
        self.fails: list[Exception] = []
        """What the next calls of `init` raise."""
        self.exceptions = SimpleNamespace(
            RayError=RayError, RayTaskError=RayTaskError, WorkerCrashedError=WorkerCrashedError
        )

    def nodes(self) -> list[dict[str, Any]]:
        return self._nodes

    def is_initialized(self) -> bool:
        return False

    def init(self, **options: Any) -> None:
        self.inits.append(options)
        if self.fails:
            raise self.fails.pop(0)

    def shutdown(self) -> None:
        pass

    def remote(self, *given: Any, **options: Any) -> Any:
        if given:
            return (_Class if isinstance(given[0], type) else _Function)(self, given[0])
        return lambda what: (_Class if isinstance(what, type) else _Function)(self, what, **options)

    def wait(self, references: list[Reference], *, num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        assert references, "ray.wait refuses an empty list"
        self.most_waited = max(self.most_waited, len(references))
        ready = [one for one in references if one.ready][-num_returns:]
        assert ready, "nothing would ever end"
        return ready, [one for one in references if one not in ready]

    def get(self, reference: Reference, timeout: float | None = None) -> Any:
        return reference.get()

    def cancel(self, reference: Reference, *, force: bool) -> None:
        pass

    def kill(self, actor: _Handle) -> None:
        self.killed += 1
