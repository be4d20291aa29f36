"""Exporting quietly, and programs that were exported in training."""

from __future__ import annotations

import logging
import sys

import pytest
import torch
from torch import nn

from golden.errors import InputError
from golden.importers.torch_export import import_module, import_program
from golden.importers.torch_tracing import quiet


class Branch(nn.Module):
    """A branch that depends on data, about which PyTorch prints half a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) if x.sum() > 0 else self.conv(-x)  # type: ignore[no-any-return]


def test_nothing_but_the_message(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"torch\.export cannot trace Branch .* no branch depends on the values"):
        import_module(Branch(), (torch.zeros(2, 1, 6, 6),))
    assert capfd.readouterr() == ("", "")


def test_it_would_not_be_quiet_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="data-dependent"):
        torch.export.export(Branch(), (torch.zeros(2, 1, 6, 6),))
    assert "def forward" in capfd.readouterr().err


def test_afterwards_all_is_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    before = {name: list(logging.getLogger(name).handlers) for name in ("torch", "torch.export")}
    filters = [handler.filters[:] for handlers in before.values() for handler in handlers]
    with quiet():
        sys.stderr.write("lost\n")
    sys.stderr.write("kept\n")
    assert capfd.readouterr().err == "kept\n"
    assert [handler.filters for handlers in before.values() for handler in handlers] == filters


def exported(*layers: nn.Module) -> torch.export.ExportedProgram:
    module = nn.Sequential(nn.Conv2d(1, 3, 3), *layers)
    with quiet():
        return torch.export.export(module, (torch.zeros(2, 1, 6, 6),))


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([nn.BatchNorm2d(3)], "(1)"),
        ([nn.Dropout()], "(1)"),
        ([nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout()], "(1, 3)"),
        ([nn.Sequential(nn.ReLU(), nn.Dropout2d())], "(1.1)"),
    ],
)
def test_a_program_in_training_is_one_problem(layers: list[nn.Module], named: str) -> None:
    with pytest.raises(InputError) as caught:
        import_program(exported(*layers), "net")
    assert str(caught.value).startswith(f"network 'net' was exported in training mode {named}; export it again at inference: ")
    assert not caught.value.problems


def test_a_program_at_inference_is_none() -> None:
    """Also one whose normalization has no statistics of its own: that is refused for another reason."""
    import_program(exported(nn.BatchNorm2d(3).eval(), nn.ReLU(), nn.Dropout().eval()), "net")
    with pytest.raises(InputError) as caught:
        import_program(exported(nn.BatchNorm2d(3, track_running_stats=False).eval()), "net")
    assert "exported in training mode" not in str(caught.value)
