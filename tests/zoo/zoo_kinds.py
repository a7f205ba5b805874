"""Small networks that people reported: queries, detectors, recurrent layers, choices of kernels, class tokens."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pruning_nets import conv_bn
from torch import Tensor, nn
from zoo_nets import Built


class Queries(nn.Module):
    """Learned queries that a decoder turns into boxes and classes, and masks as products with the image (DETR)."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.pixels = nn.Sequential(conv_bn(3, 12), nn.Conv2d(12, 16, 4, 4)), nn.Conv2d(16, 10, 1)
        self.queries = nn.Embedding(5, 16)
        layer = nn.TransformerDecoderLayer(16, 4, 24, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, 2)
        self.boxes = nn.Sequential(nn.Linear(16, 14), nn.ReLU(), nn.Linear(14, 4))
        self.classes, self.masks = nn.Linear(16, 3), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.body(x)
        q = self.queries.weight.unsqueeze(0).expand(len(x), -1, -1)
        q = self.decoder(q, x.flatten(2).transpose(1, 2))
        masks = torch.einsum("bqc,bchw->bqhw", self.masks(q), self.pixels(x))
        return {"boxes": self.boxes(q).sigmoid(), "classes": self.classes(q), "masks": masks}


class Detector(nn.Module):
    """A detector without anchors, with its head as built: grids of points and distances from bins (YOLO)."""

    def __init__(self, bins: int = 8, classes: int = 3) -> None:
        super().__init__()
        self.bins, self.classes = bins, classes
        self.stem, self.low, self.high = conv_bn(3, 8), conv_bn(8, 12, stride=2), conv_bn(12, 16, stride=2)
        self.mixed = conv_bn(28, 12)
        self.boxes = nn.ModuleList(nn.Sequential(conv_bn(c, 10), nn.Conv2d(10, 4 * bins, 1)) for c in (12, 16))
        self.names = nn.ModuleList(nn.Sequential(conv_bn(c, 9), nn.Conv2d(9, classes, 1)) for c in (12, 16))
        self.register_buffer("levels", torch.arange(bins, dtype=torch.float32).view(1, bins, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        low = self.low(self.stem(x))
        high = self.high(low)
        maps = self.mixed(torch.cat([low, F.interpolate(high, scale_factor=2.0)], 1)), high
        parts, points = [], []
        for level, boxes, names in zip(maps, self.boxes, self.names, strict=True):
            n, _, h, w = level.shape
            parts.append(torch.cat([boxes(level), names(level)], 1).view(n, 4 * self.bins + self.classes, -1))
            y, x = (torch.arange(size).type_as(level) + 0.5 for size in (h, w))
            points.append(torch.stack(torch.meshgrid(x, y, indexing="xy"), 0).reshape(2, -1) / w)
        distances, scores = torch.cat(parts, 2).split((4 * self.bins, self.classes), 1)
        distances = distances.view(len(distances), 4, self.bins, -1).transpose(1, 2).softmax(1)
        left, right = F.conv2d(distances, self.levels).squeeze(1).chunk(2, 1)
        grid = torch.cat(points, 1)
        return torch.cat([grid - left, grid + right, scores.sigmoid()], 1)


class Recurrent(nn.Module):
    """A recurrent layer reads the rows of a convolutional map, and another one reads it (CRNN)."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.body, self.rows = nn.Sequential(conv_bn(3, 8), nn.MaxPool2d((2, 1)), conv_bn(8, 12)), nn.Linear(96, 14)
        self.first, self.second = kind(14, 10, bidirectional=True), kind(20, 9, num_layers=2)
        self.out = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.rows(self.body(x).permute(3, 0, 1, 2).flatten(2))
        return self.out(self.second(self.first(torch.relu(x))[0])[0])


class Kernels(nn.Module):
    """A choice of kernels: softmax over two convolutions, for each channel (selective kernels)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.small, self.large = conv_bn(3, 12), conv_bn(12, 10, 3), conv_bn(12, 10, 5)
        self.squeeze, self.choose = conv_bn(10, 6, 1), nn.Conv2d(6, 20, 1)
        self.join, self.out = nn.Conv2d(10, 12, 1), nn.Conv2d(12, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        both = torch.stack([self.small(x), self.large(x)], dim=1)
        weights = self.choose(self.squeeze(both.sum(1).mean((2, 3), keepdim=True)))
        weights = weights.view(len(x), 2, -1, 1, 1).softmax(dim=1)
        return self.out(F.relu(x + self.join((both * weights).sum(dim=1))))


class TwoScales(nn.Module):
    """Class tokens that are concatenated, and change places between two scales (CrossViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.ModuleList(nn.Conv2d(3, dim, size, size) for dim, size in ((16, 4), (20, 8)))
        self.tokens = nn.ParameterList(torch.randn(1, 1, dim) for dim in (16, 20))
        self.positions = nn.ParameterList(torch.randn(1, n, dim) for n, dim in ((17, 16), (5, 20)))
        self.q, self.k, self.v, self.o = (nn.ModuleList(nn.Linear(d, d) for d in (16, 20)) for _ in range(4))
        self.cross = nn.ModuleList([nn.Linear(16, 20), nn.Linear(20, 16)])
        self.norms, self.out = (
            nn.ModuleList(nn.LayerNorm(d) for d in (16, 20)),
            nn.ModuleList(nn.Linear(d, 3) for d in (16, 20)),
        )

    def forward(self, x: Tensor) -> Tensor:
        scales = []
        for number, patch in enumerate(self.patches):
            y = patch(x).flatten(2).transpose(1, 2)
            y = torch.cat([self.tokens[number].expand(len(y), -1, -1), y], dim=1) + self.positions[number]
            scales.append(y + self._attend(number, self.norms[number](y)))
        first, second = scales
        first, second = (
            torch.cat([self.cross[1](second[:, :1]), first[:, 1:]], 1),
            torch.cat([self.cross[0](first[:, :1]), second[:, 1:]], 1),
        )
        return sum(out(scale[:, 0]) for out, scale in zip(self.out, (first, second), strict=True))

    def _attend(self, number: int, y: Tensor) -> Tensor:
        n, length, _ = y.shape
        q, k, v = (own[number](y).view(n, length, 2, -1).transpose(1, 2) for own in (self.q, self.k, self.v))
        scores = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).softmax(-1)
        return self.o[number]((scores @ v).transpose(1, 2).reshape(n, length, -1))


class Blurred(nn.Module):
    """Residual units with weight standardisation, group norm and a fixed blur filter before each step down."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = Standardised(3, 12, 3, padding=1), nn.GroupNorm(1, 12)
        self.a, self.b, self.down = Standardised(12, 8, 3, padding=1), Standardised(8, 16, 3), Standardised(12, 16, 1)
        self.out = nn.Conv2d(16, 2, 1)
        filters = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16
        self.register_buffer("blur", filters[None, None].repeat(12, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.blur[: x.shape[1]], stride=2, groups=x.shape[1])
        return self.out(F.relu(self.down(x)[:, :, 1:-1, 1:-1] + self.b(F.relu(self.a(x)))))


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(self.weight, (1, 2, 3), correction=0, keepdim=True)
        return self._conv_forward(x, (self.weight - mean) * torch.rsqrt(var + 1e-5), self.bias)


_IMAGE = (2, 3, 16, 16)

REPORTED_NETS: dict[str, Built] = {
    "queries": (Queries, 0.99, _IMAGE),
    "detector": (Detector, 0.9, _IMAGE),
    "recurrent-gru": (lambda: Recurrent(nn.GRU), 0.8, _IMAGE),
    "recurrent-lstm": (lambda: Recurrent(nn.LSTM), 0.8, _IMAGE),
    "kernels": (Kernels, 0.99, _IMAGE),
    "two-scales": (TwoScales, 0.99, _IMAGE),
    "blurred": (Blurred, 0.99, _IMAGE),
}
