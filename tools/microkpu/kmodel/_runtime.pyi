# SPDX-License-Identifier: MIT
"""The board's model runtime and the KPU's arithmetic, compiled for the host."""

from typing import Literal

from typing_extensions import Buffer

Tensor = tuple[Literal["u8", "f32"], int, int, int]  # channels, height, width
# type, name, body bytes, on the KPU, depthwise, to main memory, input and output as (c, h, w),
# kernel, pool type, bytes of weights
LayerTuple = tuple[
    int, str, int, bool, bool, bool,
    tuple[int, int, int], tuple[int, int, int], int, int, int,
]  # fmt: skip

class Model:
    """ValueError, with the sentence that the board would give, where a file is refused."""

    def __new__(cls, file: Buffer) -> Model: ...
    @property
    def input(self) -> Tensor: ...
    @property
    def inputs(self) -> list[Tensor]:
        """Each input, where `input` is several of them one after another."""
    @property
    def outputs(self) -> list[Tensor]: ...
    @property
    def layers(self) -> list[LayerTuple]: ...
    @property
    def needs(self) -> tuple[int, int, int]:
        """Bytes of working memory, of streamed results, of tape."""
    def run(self, input: Buffer, /) -> list[bytes]: ...

def layer_check(words: Buffer, eight_bit_weights: bool, /) -> str | None:
    """None, or why the KPU has no defined answer to these twelve words."""

def layer_run(
    words: Buffer,
    ai_ram: bytearray,
    weights: Buffer,
    batch_norm: Buffer,
    activation: Buffer,
    eight_bit_weights: bool,
    /,
) -> bytes:
    """Runs one layer on AI RAM; the dense output's bytes, channel by channel."""

def probe(head: Buffer, /) -> tuple[bool, int]:
    """True and the model's length, or False and how many bytes of it are needed to say."""
