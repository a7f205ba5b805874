"""HoVer-Net (Graham et al., Medical Image Analysis 58, 2019, doi:10.1016/j.media.2019.101563).

A pre-activation ResNet-50 encoder that keeps full resolution in its first stage, and one decoder for each of three
maps: nuclear types (``tp``), nuclear pixels (``np``) and distances to the centre of the nucleus (``hv``).
"""

from __future__ import annotations

from typing import Final, Literal

from torch import Tensor, nn

from napari_pathprune.models.hovernet.hovernet_blocks import (
    DenseBlock,
    NamedSequential,
    ResidualBlock,
    SamePad,
    Upsample2x,
    conv,
    crop_to,
    norm_relu,
)
from napari_pathprune.models.hovernet.strips import StripNetwork, UnfoldableError, fold_network

Mode = Literal["fast", "original"]

SPLITS: Final = 4
"""Number of conv groups of the second convolution in a dense unit."""
STRIDE: Final = 8
"""Downsampling of the encoder's deepest map relative to its first one."""
PADDING_PX: Final = 58
"""Pixels along each edge of the maps that the padding of the encoder changes."""
_KERNEL_PX: Final = {"fast": 3, "original": 5}
_STEM_LOSS_PX: Final = {"fast": 0, "original": 6}
_DECODER_LOSS_PX: Final = {"fast": 92, "original": 184}


class HoVerNet(nn.Module):
    """HoVer-Net for inputs of any valid size; see `output_shape`.

    Parameters
    ----------
    mode
        ``"fast"`` (3x3 decoder kernels, 256 px in, 164 px out) or ``"original"`` (5x5, 270 px in, 80 px out).
    num_types
        Number of nuclear types, background included; None for a network without the ``tp`` branch.
    width
        Multiplier of the channels of every layer but the outputs; 1.0 is the published network.

    Raises
    ------
    ValueError
        If a setting is unknown or out of range.

    Examples
    --------
    >>> import torch
    >>> model = HoVerNet(mode="fast", num_types=4, width=0.125).eval()
    >>> maps = model(torch.zeros(1, 3, 256, 256))
    >>> [(name, tuple(m.shape)) for name, m in maps.items()]
    [('tp', (1, 4, 164, 164)), ('np', (1, 2, 164, 164)), ('hv', (1, 2, 164, 164))]
    """

    def __init__(self, mode: Mode = "fast", num_types: int | None = None, width: float = 1.0) -> None:
        super().__init__()
        if mode not in _KERNEL_PX:
            raise ValueError(f"got mode={mode!r}; expected 'fast' or 'original'")
        if num_types is not None and num_types < 2:
            raise ValueError(f"got num_types={num_types}; expected None, or 2 or more: it counts the background")
        if not 0.0 < width <= 4.0:
            raise ValueError(f"got width={width}; expected a number above 0, at most 4 (1.0 is the published width)")
        self.mode: Mode = mode
        self.num_types = num_types

        def scaled(channels: int) -> int:
            return max(1, round(channels * width / SPLITS)) * SPLITS

        stem: dict[str, nn.Module] = {"pad": SamePad(7)} if mode == "fast" else {}
        self.conv0 = NamedSequential(stem | {"/": conv(3, scaled(64), 7)} | norm_relu(scaled(64), ""))
        self.d0 = ResidualBlock(scaled(64), (scaled(64), scaled(64), scaled(256)), units=3, stride_px=1)
        self.d1 = ResidualBlock(scaled(256), (scaled(128), scaled(128), scaled(512)), units=4, stride_px=2)
        self.d2 = ResidualBlock(scaled(512), (scaled(256), scaled(256), scaled(1024)), units=6, stride_px=2)
        self.d3 = ResidualBlock(scaled(1024), (scaled(512), scaled(512), scaled(2048)), units=3, stride_px=2)
        self.conv_bot = conv(scaled(2048), scaled(1024), 1)

        def make_branch(outputs: int) -> NamedSequential:
            kernel = _KERNEL_PX[mode]
            layers: dict[str, nn.Module] = {}
            for level, inputs, start, units in (("u3", 1024, 256, 8), ("u2", 512, 128, 4)):
                dense = DenseBlock(scaled(start), kernel, scaled(128), scaled(32), units, SPLITS)
                layers[level] = NamedSequential(
                    {
                        "conva": conv(scaled(inputs), scaled(start), kernel),
                        "dense": dense,
                        "convf": conv(dense.outputs, scaled(inputs // 2), 1),
                    }
                )
            layers["u1"] = NamedSequential(
                {"conva/pad": SamePad(kernel), "conva": conv(scaled(256), scaled(64), kernel)}
            )
            layers["u0"] = NamedSequential(
                norm_relu(scaled(64), "") | {"conv": nn.Conv2d(scaled(64), outputs, 1, bias=True)}
            )
            return NamedSequential(layers)

        types = {} if num_types is None else {"tp": num_types}
        self.decoder = nn.ModuleDict({name: make_branch(n) for name, n in {**types, "np": 2, "hv": 2}.items()})
        self.upsample2x = Upsample2x()
        for module in self.modules():
            # without the second condition torch would import its compiler, and crash a window that Mesa draws
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def output_layers(self) -> dict[str, nn.Module]:
        """Return the last convolution of each branch by the name of its map."""
        return {name: branch.get_submodule("u0.conv") for name, branch in self.decoder.items()}

    @property
    def stride_px(self) -> int:
        """Step, in pixels, by which an input may be shifted so that its maps are shifted and not changed."""
        return STRIDE

    @property
    def padding_px(self) -> int:
        """Number of pixels along each edge of the maps that depend on where the input ends."""
        return PADDING_PX

    @property
    def margin_px(self) -> int:
        """Number of pixels lost on each side between input and output."""
        return (_STEM_LOSS_PX[self.mode] + _DECODER_LOSS_PX[self.mode]) // 2

    def nearest_sizes(self, size_px: int) -> tuple[int, int]:
        """Return the nearest valid input lengths below and above a length.

        Parameters
        ----------
        size_px
            Length, in pixels. A valid length is returned twice, as is the smallest valid one if this is too small.

        Examples
        --------
        >>> HoVerNet(width=0.0625).nearest_sizes(250)
        (248, 256)
        """
        stem, smallest = _STEM_LOSS_PX[self.mode], _DECODER_LOSS_PX[self.mode] // STRIDE + 1
        steps = (size_px - stem) / STRIDE
        below, above = max(smallest, int(steps // 1)), max(smallest, -int(-steps // 1))
        return stem + below * STRIDE, stem + above * STRIDE

    def output_shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return height and width of the maps for an input, in pixels.

        Raises
        ------
        ValueError
            If the network cannot take such an input. The message names the nearest valid sizes.
        """
        for size_px in (height_px, width_px):
            below, above = self.nearest_sizes(size_px)
            if size_px not in (below, above):
                fits = f"{below}" if below == above else f"{below} or {above}"
                raise ValueError(
                    f"got an input of {height_px} x {width_px} px, which HoVer-Net ({self.mode}) cannot take; "
                    f"make {size_px} px {fits} px"
                )
        return height_px - 2 * self.margin_px, width_px - 2 * self.margin_px

    def prepare_for_cpu(self) -> StripNetwork | None:
        """Return the network in a form that computes the same maps in less time and memory on a CPU.

        Returns
        -------
        StripNetwork or None
            Has the weights of now. None if the network has hooks or unusual layers, is on another device, is not
            float32, or is in training mode.
        """
        if type(self) is not HoVerNet or self._forward_hooks or self._forward_pre_hooks:
            return None
        try:
            return fold_network(self, self.output_shape)
        except UnfoldableError:
            return None

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of a batch of images.

        Parameters
        ----------
        images
            (N, 3, H, W), RGB, from 0 to 255.

        Returns
        -------
        dict
            ``tp`` (N, num_types, h, w) and ``np`` (N, 2, h, w), logits; ``hv`` (N, 2, h, w), horizontal and vertical
            distance to the centre of the nucleus, from -1 to 1. A network without types returns no ``tp``.

        Raises
        ------
        ValueError
            If the height or width is not valid; see `output_shape`.
        """
        self.output_shape(images.shape[2], images.shape[3])
        d0 = self.d0(self.conv0(images / 255.0))
        d1 = self.d1(d0)
        d2 = self.d2(d1)
        bottom = self.conv_bot(self.d3(d2))
        start = self.upsample2x(bottom)
        start = start + crop_to(d2, start)
        skips = {"u2": d1, "u1": d0}
        maps: dict[str, Tensor] = {}
        for name, branch in self.decoder.items():
            up = branch.get_submodule("u3")(start)
            for level, skip in skips.items():
                up = self.upsample2x(up)
                skips[level] = crop_to(skip, up)  # cropped once, because it has the same size in every branch
                up = branch.get_submodule(level)(up + skips[level])
            maps[name] = branch.get_submodule("u0")(up)
        return maps
