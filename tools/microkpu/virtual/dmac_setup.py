# SPDX-License-Identifier: MIT
"""What a DMA channel is told when it is enabled, and what it may not be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from microkpu.virtual.events import Event

if TYPE_CHECKING:
    from microkpu.virtual.dmac import Dmac

SAR, DAR, BLOCK_TS, CTL, CH_CFG = 0x00, 0x08, 0x10, 0x18, 0x20
M2M, M2P, P2M, P2P = range(4)
MEMORY, MEMORY_END, MASK = 0x40000000, 0x40800000, 0x7FFFFF
CACHED, CACHED_END = 0x80000000, 0x80800000
AI_RAM = 0x600000


@dataclass(slots=True)
class Transfer:
    """A channel at work."""

    channel: int
    kind: int
    request: int  # the handshake, -1 for memory to memory
    source: int
    target: int
    source_size: int
    target_size: int
    source_step: bool
    target_step: bool
    left: int  # items of the source's width
    empty: bool = False  # from NULL
    stuck: bool = False
    event: Event | None = None

    def __str__(self) -> str:
        return (
            f"channel {self.channel} {self.source:#010x} -> {self.target:#010x},"
            f" {self.left} items of {self.source_size} bytes"
        )


def read_setup(dmac: Dmac, channel: int) -> Transfer:
    """The transfer in a channel's registers; what the chip would do wrong is refused."""
    ctl, cfg = dmac.longs[dmac.at(channel, CTL)], dmac.longs[dmac.at(channel, CH_CFG)]
    kind = cfg >> 32 & 7
    if kind == P2P:
        kind = _one_device(dmac, channel)
    if kind > P2M:
        dmac.refuse(f"channel {channel}: tt_fc {kind} is not modelled (0, 1 and 2 are)")
    if cfg & 15:
        dmac.refuse(f"channel {channel}: multi-block types {cfg & 15:#x} are not modelled")
    source_size, target_size = 1 << (ctl >> 8 & 7), 1 << (ctl >> 11 & 7)
    if max(source_size, target_size) > 8:
        dmac.refuse(f"channel {channel}: items wider than 64 bits")
    transfer = Transfer(
        channel,
        kind,
        -1 if kind == M2M else dmac.board.sysctl.dma_request(channel),
        dmac.longs[dmac.at(channel, SAR)] & 0xFFFFFFFF,
        dmac.longs[dmac.at(channel, DAR)] & 0xFFFFFFFF,
        source_size,
        target_size,
        not ctl >> 4 & 1,
        not ctl >> 6 & 1,
        (dmac.longs[dmac.at(channel, BLOCK_TS)] & 0x3FFFFF) + 1,
    )
    transfer.empty = kind == M2P and transfer.source == 0
    source_bytes = transfer.left * source_size
    if source_bytes % target_size:
        dmac.refuse(f"channel {channel}: {source_bytes} bytes in items of {target_size}")
    if kind != P2M and not (transfer.empty and not dmac.board.strict):
        _check_memory(dmac, transfer, "source", transfer.source, source_size, transfer.source_step)
    if kind != M2P:
        _check_memory(dmac, transfer, "target", transfer.target, target_size, transfer.target_step)
    if kind != M2M:
        _check_device(dmac, transfer, cfg, ctl)
    return transfer


def _one_device(dmac: Dmac, channel: int) -> int:
    """What "from device to device" comes to where one side is none.

    A vendor's driver takes AI RAM for a device, and NULL too. Both sides then wait for the one
    device's handshake, so that it works on silicon; from NULL come zeros.
    """
    source, target = (dmac.longs[dmac.at(channel, place)] & 0xFFFFFFFF for place in (SAR, DAR))
    for kind, side in ((M2P, source), (P2M, target)):
        if _is_ai_ram(side) or side == 0:
            dmac.forbid(f"channel {channel}: tt_fc {P2P}, and {side:#x} is no device")
            return kind
    dmac.refuse(f"channel {channel}: tt_fc {P2P} between two devices is not modelled")


def _is_ai_ram(address: int) -> bool:
    return address & ~MASK in (MEMORY, CACHED) and address & MASK >= AI_RAM


def _check_memory(
    dmac: Dmac, transfer: Transfer, side: str, address: int, size: int, step: bool
) -> None:
    what = f"channel {transfer.channel}: {side} {address:#010x}"
    if CACHED + AI_RAM <= address < CACHED_END:
        dmac.refuse(f"{what} counts as a device here and never answers: use 0x4...")
    if CACHED <= address < CACHED_END:
        dmac.forbid(f"{what} is the cached view, which devices must not get: use 0x4...")
        address = MEMORY + (address & MASK)
    length = transfer.left * transfer.source_size if step else size
    if not MEMORY <= address <= address + length <= MEMORY_END:
        dmac.refuse(f"{what} + {length} bytes is not memory")
    if address % size:
        dmac.refuse(f"{what} is not aligned to items of {size} bytes")
    name = f"{side} of channel {transfer.channel}"
    dmac.board.guard.touch("dmac", name, address, length, side == "target")


def _check_device(dmac: Dmac, transfer: Transfer, cfg: int, ctl: int) -> None:
    channel, to_device = transfer.channel, transfer.kind == M2P
    software = cfg >> (36 if to_device else 35) & 1
    line = cfg >> (44 if to_device else 39) & 15
    if software:
        dmac.refuse(f"channel {channel}: software handshake, which is not modelled")
    if line != channel:
        dmac.refuse(f"channel {channel}: handshake line {line}; each channel has its own only")
    address = transfer.target if to_device else transfer.source
    if transfer.target_step if to_device else transfer.source_step:
        dmac.refuse(f"channel {channel}: the device's address {address:#010x} would move on")
    device = dmac.board.dma_device(transfer.request)
    if device is None:
        dmac.refuse(f"channel {channel}: request {transfer.request} (dma_sel) has no device")
    block, port = device
    if block.gated:
        dmac.refuse(f"channel {channel}: its device {block.name} is idle: {block.gated}")
    wanted, direction, width = block.base + port.offset, port.to_device, port.width
    if direction != to_device or address & ~0xFF != wanted & ~0xFF:
        dmac.refuse(
            f"channel {channel}: device address {address:#010x}, but dma_sel gives it request "
            f"{transfer.request}, which belongs to {wanted:#010x}"
        )
    if (transfer.target_size if to_device else transfer.source_size) != width:
        dmac.refuse(f"channel {channel}: items for {address:#010x} must have {8 * width} bits")
    burst = ctl >> (18 if to_device else 14) & 15
    block.dma_burst(transfer.request, 1 if burst == 0 else 2 << burst)
