"""What `import ganlib` gives and what it costs."""

import subprocess
import sys

import pytest

import ganlib


def test_short_names_are_the_real_things():
    from ganlib.data import load
    from ganlib.training import Trainer

    assert ganlib.load is load
    assert ganlib.Trainer is Trainer
    assert all(getattr(ganlib, name) is not None for name in ganlib.__all__)
    assert set(ganlib.__all__) <= set(dir(ganlib))


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(AttributeError, match="no attribute 'Trainr'; it has .*Trainer"):
        ganlib.Trainr  # noqa: B018


def test_import_is_lazy():
    """The heavy neighbours wait until they are needed; the time itself is measured by benchmarks/throughput.py."""
    code = (
        "import sys, torch; before = set(sys.modules); import ganlib; "
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    added = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert added.strip() == "['ganlib']"
    code = (
        "import sys, ganlib; ganlib.Trainer, ganlib.build, ganlib.load; "
        "print(*[m for m in ('torchvision', 'matplotlib', 'sklearn', 'pandas', 'IPython') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""
