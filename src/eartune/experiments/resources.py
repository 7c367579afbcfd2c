"""What a run may compute with: GPUs of this machine, processes without one, or machines of a cluster."""

from dataclasses import dataclass

from eartune.errors import InputError


@dataclass(frozen=True)
class Resources:
    """The workers of a run. By default there is one for each GPU of this machine, or one if it has none."""

    gpus: tuple[str, ...] | None = None
    """The GPUs to use, by CUDA's numbers or names, a worker each; None for all that there are."""
    workers: int | None = None
    """The number of workers without a GPU, which share the cores; None where GPUs are used."""

    ray: str | None = None
    """The address of a Ray cluster, such as "auto" or "10.0.0.1:6379", in whose machines the models are made."""

    def __post_init__(self) -> None:
        if self.ray is not None and self.gpus is not None:
            raise InputError("a Ray cluster chooses the GPUs itself; leave them out, or the cluster")
        if self.workers is not None and self.gpus is not None:
            raise InputError("name either GPUs or a number of workers without one, not both")
        if self.workers is not None and self.workers < 1:
            raise InputError(f"the number of workers is {self.workers}; it must be 1 or more")
        if self.gpus is not None and len(set(self.gpus)) < max(1, len(self.gpus)):
            raise InputError(f"the GPUs are {','.join(self.gpus) or 'none'}; name each once, such as 0,1")


WHAT_THERE_IS = Resources()
