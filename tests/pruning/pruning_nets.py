"""Small networks, one for each way in which channels can be tied, and helpers for tests of the law."""

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_pathprune.pruning import ChannelGraph, PrunePlan


def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Set norms, biases and constant parameters to random values, so that no channel is silent by accident."""
    generator = torch.Generator().manual_seed(seed)

    def noise(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator)

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, _BatchNorm) and module.running_mean is not None:
                module.running_mean.copy_(0.2 * noise(module.running_mean))
                module.running_var.copy_(0.5 + noise(module.running_var).abs())
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 or bool((parameter == parameter.flatten()[0]).all()):
                parameter.copy_(0.3 * noise(parameter) + (1.0 if name.endswith("weight") else 0.0))
    return model.eval()


def random_plan(graph: ChannelGraph, seed: int) -> PrunePlan:
    """Keep a random number of random channels of every group, the same number in every split."""
    draw = random.Random(seed)  # noqa: S311
    keep = {}
    for group in graph.prunable:
        part = group.width // group.splits
        count = draw.randint(1, part)
        keep[group.name] = tuple(
            split * part + index for split in range(group.splits) for index in sorted(draw.sample(range(part), count))
        )
    return PrunePlan(keep, graph.fingerprint(), "random", 0.5)


def conv_bn(inputs: int, outputs: int, kernel: int = 3, **options: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **options),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Concat(nn.Module):
    """Three layers side by side, read by one; the middle one is also read alone."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv_bn(3, 6), conv_bn(3, 5), nn.Conv2d(5, 4, 1)
        self.norm = nn.BatchNorm2d(15)
        self.out = nn.Conv2d(15, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        b = self.b(x)
        return self.out(self.norm(torch.cat([self.a(x), b, self.c(b)], dim=1)))


class SharedTwice(nn.Module):
    """One module used twice: its output channels are tied to its input channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shared, self.out = conv_bn(3, 8), conv_bn(8, 8), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.shared(self.shared(self.stem(x))))


class UNet(nn.Module):
    """Concatenating skips, transposed convolutions, group norm, PReLU, dilation."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.PReLU(8))
        self.down2 = nn.Sequential(nn.Conv2d(8, 16, 3, padding=2, dilation=2), nn.InstanceNorm2d(16, affine=True))
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.grouped_up = nn.ConvTranspose2d(16, 12, 2, stride=2, groups=2)
        self.out = nn.Conv2d(28, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = self.down1(x)
        low = F.leaky_relu(self.down2(F.max_pool2d(high, 2)), 0.1)
        return self.out(torch.cat([self.up(low), high, self.grouped_up(low)], dim=1)[:, :, 1:-1, 1:-1])


class Depthwise(nn.Module):
    """Depthwise convolutions with a multiplier, squeeze and excitation, a raw scale and a raw offset."""

    def __init__(self) -> None:
        super().__init__()
        self.expand, self.depthwise = conv_bn(3, 6, 1), nn.Conv2d(6, 12, 3, padding=1, groups=6)
        self.squeeze, self.excite = nn.Conv2d(12, 4, 1), nn.Conv2d(4, 12, 1)
        self.scale = nn.Parameter(torch.randn(12, 1, 1))
        self.offset = nn.Parameter(torch.randn(1, 12, 1, 1))
        self.out = nn.Conv2d(12, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.depthwise(self.expand(x)))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        return self.out(torch.sigmoid(x * gate * self.scale + self.offset))


class Shuffle(nn.Module):
    """A channel shuffle, then two halves, of which one is convolved."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.out = conv_bn(3, 16), conv_bn(8, 8), nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        first, second = x.chunk(2, dim=1)
        return self.out(torch.cat([first, self.branch(second)], dim=1))


class Flattened(nn.Module):
    """A map flattened into linear layers, gated halves, a pixel shuffle on the side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.wide = conv_bn(3, 6), nn.Conv2d(6, 16, 1)
        self.first, self.second = nn.Linear(6 * 16, 20), nn.Linear(10, 3)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(x)
        y = self.first(F.adaptive_avg_pool2d(x, 4).flatten(1))
        return self.second(F.glu(y, dim=1)), self.out(F.pixel_shuffle(self.wide(x), 2))


class Attention(nn.Module):
    """Heads whose dimensions can be cut: sizes follow, the scale is a constant, values have their own layer."""

    def __init__(self, *, hard_coded: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.hard_coded, self.fused = hard_coded, fused
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.qk, self.v, self.join = nn.Linear(8, 32), nn.Linear(8, 16), nn.Linear(16, 8)
        self.norm, self.out = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        n, length, _ = x.shape
        y = self.norm(x)
        dims = 4 if self.hard_coded else -1
        q, k = self.qk(y).chunk(2, dim=-1)
        q, k, v = (t.view(n, length, 4, dims).transpose(1, 2) for t in (q, k, self.v(y)))
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-2, -1) * 0.5).softmax(dim=-1) @ v
        return self.out((x + self.join(mixed.transpose(1, 2).flatten(2))).mean(dim=1))


class Frequencies(nn.Module):
    """A Fourier transform between two convolutions: an operation without a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = conv_bn(3, 6), nn.Conv2d(6, 5, 1), nn.Conv2d(5, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.second(torch.fft.fft2(self.first(x)).real))


class Branching(nn.Module):
    """A forward that looks at values, and returns a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv_bn(3, 6), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.first(x)
        return {"out": self.second(x if x.mean().item() < 1e9 else -x)}


class Grouped(nn.Module):
    """Conv groups between plain convolutions, and a residual addition around them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = conv_bn(3, 8), conv_bn(8, 12, groups=4), nn.Conv2d(12, 8, 1)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.out(F.relu(x + self.last(self.middle(x))))


class Tied(nn.Module):
    """Two layers with one weight, and a weight that is a function of another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.again = nn.Linear(7, 10), nn.Linear(10, 10), nn.Linear(10, 10)
        self.again.weight = self.middle.weight
        self.last = nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.again(F.relu(self.middle(F.relu(self.first(x.mean(dim=(2, 3)).repeat(1, 3)[:, :7]))))))
        return F.linear(x, self.last.weight * 2.0, self.last.bias)


class Between(nn.Module):
    """An operation between two convolutions, the second of which reads ``reads`` channels."""

    def __init__(self, operation: Callable[[Tensor], Tensor], reads: int = 8) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(reads, 2, 1)
        self.operation = operation

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.operation(self.first(x)))


NETS: dict[str, Callable[[], nn.Module]] = {
    "concat": Concat,
    "shared": SharedTwice,
    "unet": UNet,
    "depthwise": Depthwise,
    "shuffle": Shuffle,
    "flattened": Flattened,
    "attention": Attention,
    "hard-coded": lambda: Attention(hard_coded=True),
    "fused": lambda: Attention(fused=True),
    "frequencies": Frequencies,
    "branching": Branching,
    "grouped": Grouped,
    "tied": Tied,
}
