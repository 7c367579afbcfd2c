"""The weights that a model had before it was tuned for its task, put back while it transcribes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn


class UntunedWeights:
    """Copies of the parameters of one model from before they were tuned; there are none until `keep` is called.

    Tuning teaches a model to answer, and may unlearn transcription. Of a model with LoRA the copies are small: those of
    the updates, which are zero before tuning, and of an adapter or an encoder that was trained beside them.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._values: dict[str, Tensor] = {}

    def keep(self, names: Iterable[str]) -> None:
        """Copy the values that the parameters of these names have now, into the memory of the CPU.

        They move to the device of the model when they are first put back, so that training has its memory for itself.
        """
        parameters = dict(self.module.named_parameters())
        self._values = {name: parameters[name].detach().to("cpu", copy=True) for name in names}

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """Compute with the kept values inside the block, and with the tuned ones again behind it."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        parameters = dict(self.module.named_parameters())
        for name, value in self._values.items():
            parameter = parameters[name]
            parameter.data, self._values[name] = value.to(parameter), parameter.data
