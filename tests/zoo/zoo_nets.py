"""Small networks of the field, and one for each common kind of attention, norm and weight."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from pruning_nets import conv_bn
from torch import Tensor, nn
from torch.nn.utils import parametrizations


class PlainUNet(nn.Module):
    """Ronneberger's U-Net: concatenating skips, transposed convolutions."""

    def __init__(self, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        sizes = [width * 2**n for n in range(depth + 1)]
        self.down = nn.ModuleList(_double(a, b) for a, b in zip([3, *sizes], sizes, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(sizes))
        self.join = nn.ModuleList(_double(2 * a, a) for a in sizes[:-1])
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for number, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if number else x)
            skips.append(x)
        for up, join, skip in zip(reversed(self.up), reversed(self.join), reversed(skips[:-1]), strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        return self.out(x)


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*conv_bn(inputs, outputs), *conv_bn(outputs, outputs))


class StarDist(nn.Module):
    """A U-Net of two levels with bilinear upsampling, a feature layer, and two heads: probability and 32 rays."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([_double(3, 8), _double(8, 16), _double(16, 32)])
        self.decoder = nn.ModuleList([_double(16 + 8, 8), _double(32 + 16, 16)])
        self.features = nn.Conv2d(8, 24, 3, padding=1)
        self.probability, self.rays = nn.Conv2d(24, 1, 1), nn.Conv2d(24, 32, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skips: list[Tensor] = []
        for block in self.encoder:
            x = block(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for block, skip in zip(reversed(self.decoder), reversed(skips[:-1]), strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = block(torch.cat((x, skip), 1))
        x = F.relu(self.features(x))
        return torch.sigmoid(self.probability(x)), self.rays(x)


class Block(nn.Module):
    """A transformer block as in timm, SAM and CellViT; ``explicit`` takes the size of a head from the input."""

    def __init__(self, dim: int, heads: int, *, fused: bool = True) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.num_heads, self.scale, self.fused = heads, (dim // heads) ** -0.5, fused
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.gamma = nn.Parameter(1e-5 * torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(n, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        else:
            y = (q * self.scale @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        x = x + self.gamma * self.proj(y.transpose(1, 2).reshape(n, length, -1))
        return x + self.mlp(self.norm2(x))


class CellViT(nn.Module):
    """A ViT encoder with a class token and positions, tapped at every block, and convolutional decoders (UNETR)."""

    def __init__(self, dim: int = 24, depth: int = 4, *, fused: bool = True) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 4, stride=4)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, dim)), nn.Parameter(torch.randn(1, 65, dim))
        self.blocks = nn.ModuleList(Block(dim, 4, fused=fused) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.classes = nn.Linear(dim, 5)
        self.decoders = nn.ModuleDict({name: _Decoder(dim) for name in ("np", "hv")})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        image = x
        x = self.patch(x)
        size = x.shape[-2:]
        x = torch.cat([self.token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1) + self.position
        taps = []
        for block in self.blocks:
            x = block(x)
            taps.append(x)
        classes = self.classes(self.norm(x)[:, 0])
        low, deep = (t[:, 1:].transpose(1, 2).reshape(len(t), t.shape[-1], *size) for t in (taps[1], taps[-1]))
        return {"tissue": classes, **{name: decoder(image, low, deep) for name, decoder in self.decoders.items()}}


class _Decoder(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.image, self.low, self.deep = conv_bn(3, 8), nn.ConvTranspose2d(dim, 12, 2, stride=2), conv_bn(dim, 16, 1)
        self.up1, self.join1 = nn.ConvTranspose2d(16, 12, 2, stride=2), conv_bn(24, 12)
        self.up2, self.out = nn.ConvTranspose2d(12, 8, 2, stride=2), nn.Sequential(*conv_bn(16, 8), nn.Conv2d(8, 2, 1))

    def forward(self, image: Tensor, low: Tensor, deep: Tensor) -> Tensor:
        x = self.join1(torch.cat([self.up1(self.deep(deep)), self.low(low)], dim=1))
        return self.out(torch.cat([self.up2(x), self.image(image)], dim=1))


class MultiheadAttention(nn.Module):
    """torch's own attention module between linear layers, self and cross."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 4, stride=4)
        self.norm, self.own = nn.LayerNorm(16), nn.MultiheadAttention(16, 4, batch_first=True)
        self.queries = nn.Parameter(torch.randn(5, 16))
        self.cross = nn.MultiheadAttention(16, 2, kdim=16, vdim=16)
        self.middle, self.out = nn.Linear(16, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        x = x + self.own(y, y, y, need_weights=False)[0]
        memory = x.transpose(0, 1)
        q = self.queries.unsqueeze(1).expand(-1, len(x), -1)
        y = self.cross(q, memory, memory)[0].mean(dim=0)
        return self.out(F.relu(self.middle(y)))


class TransformerEncoder(nn.Module):
    """torch's own encoder layers."""

    def __init__(self, *, norm_first: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(12, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_unshuffle(x, 2).flatten(2).transpose(1, 2)
        return self.out(self.encoder(self.embed(x)).mean(dim=1))


class RelativeTable(nn.Module):
    """Window attention with a table of relative positions that is looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.qkv, self.proj = nn.Conv2d(3, 16, 4, stride=4), nn.Linear(16, 48), nn.Linear(16, 16)
        self.table = nn.Parameter(torch.randn(49, 4))
        grid = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")).flatten(1)
        steps = (grid[:, :, None] - grid[:, None]).permute(1, 2, 0) + 3
        self.register_buffer("index", steps[..., 0] * 7 + steps[..., 1])
        self.out = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        n, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, 4, -1).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(length, length, -1).permute(2, 0, 1)
        attention = (q @ k.transpose(-2, -1) * 0.5 + bias.unsqueeze(0)).softmax(-1)
        x = x + self.proj((attention @ v).transpose(1, 2).reshape(n, length, -1))
        return self.out(x.mean(1))


class WeightNorm(nn.Module):
    """Weight norm by parametrisation, on a convolution and a linear layer; spectral norm after it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = parametrizations.weight_norm(nn.Conv2d(3, 8, 3, padding=1))
        self.second = parametrizations.weight_norm(nn.Conv2d(8, 12, 1))
        self.third = parametrizations.weight_norm(nn.Linear(12, 10))
        self.plain, self.out = nn.Linear(10, 8), parametrizations.spectral_norm(nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(x)))).mean(dim=(2, 3))
        return self.out(F.relu(self.plain(F.relu(self.third(x)))))


class TwoFeeds(nn.Module):
    """A grouped convolution that reads a concatenation of two layers."""

    def __init__(self, first: int = 8, second: int = 8) -> None:
        super().__init__()
        self.a, self.b = conv_bn(3, first), conv_bn(3, second)
        self.grouped, self.out = nn.Conv2d(first + second, 8, 3, padding=1, groups=2), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.grouped(torch.cat([self.a(x), self.b(x)], dim=1))))


class Norms(nn.Module):
    """Every norm: over all channels, over groups, over the last axis, over each channel; and the root of squares."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(i, 12, 3, padding=1) for i in (3, 12, 12, 12))
        self.one, self.some, self.each = nn.GroupNorm(1, 12), nn.GroupNorm(3, 12), nn.GroupNorm(12, 12)
        self.last, self.rms = nn.LayerNorm(12), nn.RMSNorm(12)
        self.final, self.out = nn.Linear(12, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.one(self.a(x)))
        x = F.prelu(self.some(self.b(x)), torch.tensor([0.1], device=x.device))
        x = F.elu(self.each(self.c(x)))
        x = self.last(self.d(x).permute(0, 2, 3, 1))
        return self.out(F.relu(self.rms(self.final(x))).mean(dim=(1, 2)))


class GatedLinear(nn.Module):
    """SwiGLU by chunks, GLU by the operation, and a bilinear gate."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(48, 24), nn.Linear(12, 20), nn.Linear(10, 9)
        self.gate, self.out = nn.Linear(10, 9), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.first(F.adaptive_avg_pool2d(x, 4).flatten(1)).chunk(2, dim=-1)
        x = F.glu(self.second(F.silu(a) * b))
        return self.out(self.third(x) * torch.sigmoid(self.gate(x)))


class Similarity(nn.Module):
    """Sums and products over channels that are not zero after a cut."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Conv2d(3, 8, 1) for _ in range(3))
        self.plain, self.out = nn.Conv2d(8, 6, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, 4)
        q, k, v = (t.flatten(2) for t in (torch.sigmoid(self.q(x)), torch.sigmoid(self.k(x)), self.v(x)))
        mixed = v @ (0.1 * (q.transpose(1, 2) @ k)).tanh()
        y = F.relu(self.plain(mixed.view(*v.shape[:2], *x.shape[2:])))
        return self.out(y) / (1 + torch.sigmoid(y).sum(dim=1, keepdim=True))


class Dilated(nn.Module):
    """Dilated, depthwise transposed, and one-dimensional convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 10, 3, dilation=2, padding=2), nn.ConvTranspose2d(10, 10, 2, 2, groups=10)
        self.c, self.d = nn.ConvTranspose2d(10, 8, 3, stride=2, padding=1, output_padding=1), nn.Conv1d(8, 6, 3)
        self.out = nn.Conv1d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.c(F.relu6(self.b(F.hardswish(self.a(x))))))
        return self.out(F.mish(self.d(x.flatten(2))))


Built = tuple[Callable[[], nn.Module], float, tuple[int, ...]]
_IMAGE = (2, 3, 32, 32)  # 64 patches of 4
_TILE = (2, 3, 16, 16)

SMALL_NETS: dict[str, Built] = {
    "plain-unet": (PlainUNet, 0.99, _IMAGE),
    "stardist": (StarDist, 0.99, _IMAGE),
    "cellvit": (CellViT, 0.99, _IMAGE),
    "cellvit-explicit": (lambda: CellViT(fused=False), 0.97, _IMAGE),
    "mha": (MultiheadAttention, 0.75, _TILE),
    "encoder-pre": (lambda: TransformerEncoder(norm_first=True), 0.99, _TILE),
    "encoder-post": (lambda: TransformerEncoder(norm_first=False), 0.99, _TILE),
    "relative": (RelativeTable, 0.99, _TILE),
    "weight-norm": (WeightNorm, 0.00, _TILE),
    "two-feeds": (TwoFeeds, 0.32, _TILE),
    "uneven-feeds": (lambda: TwoFeeds(6, 10), 0.32, _TILE),
    "norms": (Norms, 0.99, _TILE),
    "gated": (GatedLinear, 0.99, _TILE),
    "similarity": (Similarity, 0.35, _TILE),
    "dilated": (Dilated, 0.99, _TILE),
}
