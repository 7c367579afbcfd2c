"""A server listens where it is told to, or says which option to change."""

import pytest

from eartune.errors import InputError
from eartune.serving.server import bound_socket


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])  # an address that is kept for documentation
def test_a_host_that_is_not_this_machine_is_named(host: str) -> None:
    """It said to choose another port."""
    with pytest.raises(InputError, match=rf"^cannot listen on port 0 of {host} \(.+\); choose another --host, such as"):
        bound_socket(host, 0)


def test_a_port_that_is_taken_is_named() -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"^cannot listen on port {port} of 127.0.0.1 .+; choose another --port$"):
            bound_socket("127.0.0.1", port)
