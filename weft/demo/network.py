"""The demonstration's network: four convolutions with stride, max and average pooling, for 8 x 8 grey images."""

from __future__ import annotations

from torch import Tensor, nn


class DigitsNet(nn.Module):
    """float32[N, 1, 8, 8], 0 (paper) to 1 (ink), to class scores float32[N, 10].

    Every convolution has 3 x 3 taps and batch normalization, which the quantizer folds away.  The channel counts
    fill a 16 x 16 array from the second layer on; the first has one input channel, and shows what that costs.

    activation: after every convolution.
    """

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv(1, 16, activation),  # 8 x 8
            _conv(16, 32, activation),
            nn.MaxPool2d(2),  # 4 x 4
            _conv(32, 32, activation),
            _conv(32, 64, activation, stride=2),  # 2 x 2
            nn.AdaptiveAvgPool2d(1),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Class scores, not yet normalized: the softmax does not change which is largest."""
        scores: Tensor = self.classifier(self.features(x))
        return scores


def _conv(channels_in: int, channels_out: int, activation: type[nn.Module], stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        activation(),
    )
