# SPDX-License-Identifier: MIT
"""Which memory a KPU layer touches, by its words: maps in AI RAM and parameters in SRAM."""

from __future__ import annotations

from dataclasses import dataclass

from microkpu.kpu_time import weight_bytes
from microkpu.kpu_words import AI_RAM_ROWS, ROW_BYTES, LayerWords

SRAM, AI_RAM = 0x40000000, 0x40600000
AI_RAM_END = AI_RAM + AI_RAM_ROWS * ROW_BYTES
ACTIVATION_BYTES = 144


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of memory, as a device addresses it."""

    name: str
    address: int
    length: int
    written: bool = False

    @property
    def end(self) -> int:
        return self.address + self.length


def parameters(words: LayerWords, eight_bit: bool) -> tuple[Span, ...]:
    """What the layer reads from SRAM."""
    return (
        Span("weights", words.weights_address, weight_bytes(words, eight_bit=eight_bit)),
        Span("bn", words.bn_address, 8 * words.o_ch),
        Span("activation", words.activation_address, ACTIVATION_BYTES),
    )


def maps(words: LayerWords) -> tuple[Span, ...]:
    """What the layer reads from AI RAM, and what it writes there, gaps between channels too."""
    groups = -(-words.i_ch // max(1, words.coef_group))
    out_groups = -(-words.o_ch // max(1, words.wb_group))
    rows, out_rows = groups * words.channel_switch, out_groups * words.wb_channel_switch
    return (
        Span("input", AI_RAM + words.image_src * ROW_BYTES, rows * ROW_BYTES),
        Span("output", AI_RAM + words.image_dst * ROW_BYTES, out_rows * ROW_BYTES, written=True),
    )


def outside(words: LayerWords, eight_bit: bool) -> str:
    """Which block or map the KPU would not find where the words say; empty when all are there."""
    for span in parameters(words, eight_bit):
        if not SRAM <= span.address < span.end <= AI_RAM:
            return (
                f"{span.name} address {span.address:#010x} + {span.length} bytes: "
                "the KPU must get 0x4... of SRAM"
            )
    for span in maps(words):
        if span.end > AI_RAM_END:
            row = (span.address - AI_RAM) // ROW_BYTES
            return f"{span.name} of {span.length // ROW_BYTES} rows at row {row} leaves AI RAM"
    return ""
