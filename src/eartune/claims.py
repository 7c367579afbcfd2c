"""Claims: which process works on which piece of a folder that several processes, perhaps of several machines, share.

A claim is a file that names its holder. It goes when the work is done. If the holder dies, the processes of its own
machine notice at once, and those of others when the file has not been renewed for two minutes by their own clocks. A
file system needs no locks for it, and a clock that jumps or differs from others breaks nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import SoftFileLease

CLAIMS = ".claims"
"""The name of a folder of claims."""
LEASE_SECONDS = 120.0
"""How long a claim holds without being renewed; network file systems may show a renewal up to a minute late."""
RENEWAL_SECONDS = 20.0


class TakenError(Exception):
    """Raised where another process has claimed the work; `name` is that of the claim."""

    def __init__(self, name: str) -> None:
        super().__init__(f"another process works on {name}")
        self.name = name

    def __reduce__(self) -> tuple[type["TakenError"], tuple[str]]:
        """Return what a copy in another process is made of."""
        return TakenError, (self.name,)


class Claims:
    """The claims of this process on the work of one folder, of which each has a name.

    One object must be used for all tries: it remembers for how long it has seen a claim of others without renewal.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._leases: dict[str, SoftFileLease] = {}

    @contextmanager
    def hold(self, name: str, wait: bool = False) -> Iterator[None]:
        """Hold a claim while the block runs; raises TakenError at once if another process has it, unless told to wait.

        Claims cannot be held twice at a time. Raises OSError where the folder cannot be written to.
        """
        from filelock import Timeout

        lease = self._lease(name)
        try:
            lease.acquire(blocking=wait)
        except Timeout as error:
            raise TakenError(name) from error
        try:
            yield
        finally:
            lease.release()

    def is_free(self, name: str) -> bool:
        """Return whether nobody has a claim; that of a holder that died is removed, when its time is over."""
        if not (self.folder / f"{name}.lock").exists():
            return True
        try:
            with self.hold(name):
                return True
        except TakenError:
            return False

    def check(self) -> None:
        """Raise TakenError if another process took over a claim that this one holds.

        That happens to a process that was stopped for minutes, such as one of a machine that slept.
        """
        for name, lease in self._leases.items():
            if lease.is_locked and lease.compromise is not None:
                raise TakenError(name)

    def clear(self) -> None:
        """Remove the claims of processes that died."""
        for name in self.of_others():
            self.is_free(name)

    def of_others(self) -> list[str]:
        """Return the names of all claims in the folder that this process does not hold, some perhaps of dead ones."""
        own = {name for name, lease in self._leases.items() if lease.is_locked}
        return sorted({path.stem for path in self.folder.glob("[!.]*.lock")} - own)

    def _lease(self, name: str) -> "SoftFileLease":
        from filelock import SoftFileLease  # only here, as a plan needs none and its import takes 10 ms

        if name not in self._leases:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._leases[name] = SoftFileLease(
                self.folder / f"{name}.lock", lease_duration=LEASE_SECONDS, heartbeat_interval=RENEWAL_SECONDS
            )
        return self._leases[name]
