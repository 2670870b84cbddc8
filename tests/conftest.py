"""Shared by all tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Networks as small as those of the tests gain nothing from a second thread.

    Where other programs keep the cores busy, each hand-over to it waits for a turn: a hundredfold, measured.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def one_seed():
    """What a test draws doesn't depend on the tests that ran before it, of which each run has others."""
    torch.manual_seed(0)
