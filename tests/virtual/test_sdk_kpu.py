# SPDX-License-Identifier: MIT
"""sdk/kpu.c on the virtual board: runs of any length, results kept and streamed, maps, ends."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from virtual.bare import Program, build
from virtual.test_kpu import UNITS, Unit, field, load, places

# The test fills the arrays in while the program waits, and says by result[255] that it has.
RUN = """
static kpu_layer_t layers[200];
static uint8_t model[1 << 19] IOMEM_UNCACHED_ONLY __attribute__((used));
static uint8_t output[1 << 18] IOMEM_UNCACHED_ONLY;
static uint8_t input[1 << 18] __attribute__((aligned(64)));
static uint8_t planes[1 << 18] IOMEM_UNCACHED_ONLY;
static volatile uint32_t count, row, w, h, channels, bytes;
static void steps(void) {
    result[0] = kpu_init();
    say("go");
    while (!result[255]) {
    }
    uint8_t *dst = bytes ? iomem_uncached(output) : NULL;
    kpu_prepare(layers, count, dst != NULL);
    if (FED) {
        uint64_t *to = iomem_uncached(planes);
        for (size_t i = 0; i < sizeof(planes) / 8; i++) {
            to[i] = ((uint64_t *)input)[i];
        }
    }
    uint32_t interrupts = trap_interrupts;
    result[1] = FED ? kpu_feed_map(row, iomem_uncached(planes), w, h, channels)
        : kpu_write_map(row, input, w, h, channels);
    result[8] = kpu_feeding();
    result[2] = kpu_start(layers, count, true, dst, bytes);
    result[3] = kpu_start(layers, count, true, dst, bytes);
    result[4] = kpu_write_map(row, input, w, h, channels);
    int state = KPU_BUSY;
    while (state == KPU_BUSY) {
        uintptr_t status = csr_interrupts_off();
        state = kpu_poll();
        if (state == KPU_BUSY) {
            clint_sleep_until(CLINT_NEVER);
        }
        csr_interrupts_restore(status);
    }
    result[5] = state;
    result[6] = kpu_poll();
    result[7] = trap_interrupts - interrupts;
}
"""


NOT_FED = "-DFED=0"


def put(program: Program, name: str, data: bytes, room: int = 1 << 18) -> None:
    assert len(data) <= room
    start = program.symbols[name] & 0x7FFFFF
    program.board.machine.ram[start : start + len(data)] = data


def loaded(
    tmp_path: Path, name: str, count: int, streamed: bool, *flags: str
) -> tuple[Program, Unit]:
    """A program about to run `count` times the unit's layer."""
    unit = load(name)
    program = build(tmp_path, RUN, *(flags if "-DFED=1" in flags else (*flags, NOT_FED)))
    program.run(until=b"go")
    base = (program.symbols["model"] & 0x7FFFFF) + 0x40000000
    moved = list(unit.words)
    for word in (4, 5, 7):
        moved[word] += (base - 0x40100000) << 32
    put(program, "model", unit.file, 1 << 19)
    put(program, "layers", struct.pack("<12Q", *moved) * count)
    put(program, "input", unit.source.tobytes())
    numbers = {
        "count": count,
        "row": field(unit, 1, 0, 15),
        "w": field(unit, 3, 0, 10) + 1,
        "h": field(unit, 3, 10, 9) + 1,
        "channels": field(unit, 2, 0, 10) + 1,
        "bytes": unit.expected.size if streamed else 0,
    }
    for key, value in numbers.items():
        put(program, key, struct.pack("<I", value))
    put(program, "output", b"\xee" * (unit.expected.size + 16))
    start = (program.symbols["result"] & 0x7FFFFF) + 8 * 255
    program.board.machine.ram[start] = 1
    return program, unit


def in_ai_ram(program: Program, unit: Unit) -> bytes:
    width, height = field(unit, 3, 32, 10) + 1, field(unit, 3, 42, 9) + 1
    channels = field(unit, 2, 32, 10) + 1
    ram = np.frombuffer(program.board.machine.ram, np.uint8)
    return ram[places(field(unit, 1, 32, 15), channels, height, width)].tobytes()


@pytest.mark.parametrize("name", UNITS)
def test_the_vendor_s_units_streamed(tmp_path: Path, name: str) -> None:
    program, unit = loaded(tmp_path, name, 1, True)
    program.run()
    assert [program.result(i) for i in range(7)] == [0, 0, 0, -1, -1, 0, 0]
    size = unit.expected.size
    assert program.bytes("output", size) == unit.expected.tobytes()
    # Whole words are written, and nothing behind them.
    assert program.bytes("output", 8, (size + 7) // 8 * 8) == b"\xee" * 8


@pytest.mark.parametrize("name", UNITS[::6])
def test_units_that_stay_in_ai_ram(tmp_path: Path, name: str) -> None:
    program, unit = loaded(tmp_path, name, 1, False)
    program.run()
    assert program.result(5) == 0
    assert in_ai_ram(program, unit) == unit.expected.tobytes()
    assert program.result(7) == 1


@pytest.mark.parametrize(
    ("count", "interrupts"), [(1, 1), (12, 1), (13, 2), (23, 2), (24, 3), (40, 4)]
)
@pytest.mark.parametrize("streamed", [True, False])
def test_runs_longer_than_the_fifo(
    tmp_path: Path, count: int, interrupts: int, streamed: bool
) -> None:
    """Twelve layers go in at once, then eleven at each interrupt, and the end is one more."""
    program, unit = loaded(tmp_path, UNITS[0], count, streamed)
    program.run()
    assert program.result(5) == 0
    assert program.board.kpu.layers_done == count
    assert program.result(7) == interrupts
    got = program.bytes("output", unit.expected.size) if streamed else in_ai_ram(program, unit)
    assert got == unit.expected.tobytes()


# 64 and 320 pixels wide, so that the map goes by DMA.
FED = [name for name in UNITS if load(name).words[3] % 64 == 63]


@pytest.mark.parametrize("name", FED[:3])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_run_that_waits_for_its_input(tmp_path: Path, name: str, streamed: bool) -> None:
    """The layers are pushed from the interrupt that says that the map is there."""
    program, unit = loaded(tmp_path, name, 1, streamed, "-DFED=1")
    program.run()
    assert [program.result(i) for i in range(9)] == [0, 0, 0, -1, -1, 0, 0, 2, 1]
    got = program.bytes("output", unit.expected.size) if streamed else in_ai_ram(program, unit)
    assert got == unit.expected.tobytes()


FEEDS = """
static kpu_layer_t layers[1];
static uint8_t planes[64 * 64] IOMEM_UNCACHED_ONLY;
static void steps(void) {
    kpu_init();
    uint8_t *uncached = iomem_uncached(planes), *ai = (uint8_t *)kpu_ai_ram();
    result[0] = kpu_feed_map(KPU_ROWS - 63, uncached, 64, 64, 1); // beyond the last row
    result[1] = kpu_feed_map(0, uncached, 64, 1 << 20, 1 << 10);
    result[2] = kpu_feeding();
    ai[640] = 77;
    result[3] = kpu_feed_map(10, ai + 640, 64, 64, 1); // lies there already
    result[4] = kpu_feeding() << 8 | ai[640];
    result[5] = kpu_feed_map(10, uncached, 64, 64, 1);
    result[6] = kpu_write_map(10, uncached, 64, 64, 1); // not before that is done
    kpu_abort();
    result[7] = kpu_feeding();
    result[8] = kpu_write_map(10, uncached, 64, 64, 1);
    say("go");
    while (!result[255]) {
    }
    kpu_prepare(layers, 1, false);
    result[9] = kpu_feed_map(10, uncached, 64, 64, 1);
    result[10] = kpu_start(layers, 1, true, NULL, 0);
    while ((result[11] = kpu_poll()) == KPU_BUSY) {
        clint_wait_us(1000);
    }
    result[12] = kpu_feeding();
}
"""


def test_inputs_that_are_refused_in_place_aborted_and_never_come(tmp_path: Path) -> None:
    program = build(tmp_path, FEEDS)
    program.run(until=b"go")
    program.board.faults.stall("dma4")
    start = (program.symbols["result"] & 0x7FFFFF) + 8 * 255
    program.board.machine.ram[start] = 1
    program.run(seconds=10)
    got = [program.result(i) for i in range(13)]
    assert got == [-2, -2, 0, 0, 77, 0, -1, 0, 0, 0, 0, -3, 0]
    assert program.board.kpu.layers_done == 0


# Microseconds of a layer: shorter than it takes to push one, as long as that, and longer than all.
TIMES = [
    *(0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
    *(6.0, 7.0, 8.5, 10.0, 13.0, 16.0, 20.0),
]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("time", TIMES)
def test_the_fifo_neither_overruns_nor_starves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time: float, streamed: bool
) -> None:
    """The board refuses a layer too many; one too few would end in the driver's timeout."""
    monkeypatch.setattr("microkpu.virtual.kpu.layer_seconds", lambda *_, **__: time * 1e-6)
    program, unit = loaded(tmp_path, UNITS[0], 200, streamed)
    start = program.board.seconds
    program.run()
    assert program.result(5) == 0
    assert program.board.kpu.layers_done == 200
    assert program.result(7) == 1 + 18  # twelve, then eleven at each interrupt, and the end
    # Layers follow each other, but for at most 20 us at each refill and 1 ms around the run.
    assert program.board.seconds - start < 200 * time * 1e-6 + 18 * 20e-6 + 1e-3
    got = program.bytes("output", unit.expected.size) if streamed else in_ai_ram(program, unit)
    assert got == unit.expected.tobytes()


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(("ahead", "interrupts"), [(1, 15), (2, 8), (3, 7)])
def test_few_layers_at_a_time(tmp_path: Path, ahead: int, interrupts: int, streamed: bool) -> None:
    program, unit = loaded(tmp_path, UNITS[0], 15, streamed, f"-DKPU_AHEAD={ahead}")
    kpu = program.board.kpu
    program.run()
    assert kpu.most_queued == ahead
    assert program.result(5) == 0
    assert kpu.layers_done == 15
    assert program.result(7) == interrupts
    got = program.bytes("output", unit.expected.size) if streamed else in_ai_ram(program, unit)
    assert got == unit.expected.tobytes()


ENDS = """
static kpu_layer_t layers[2];
static uint8_t output[4096] IOMEM_UNCACHED_ONLY;
static int wait(void) {
    int state;
    while ((state = kpu_poll()) == KPU_BUSY) {
        clint_wait_us(10000);
    }
    return state;
}
static void steps(void) {
    uint8_t *dst = iomem_uncached(output);
    result[0] = kpu_start(layers, 1, true, dst, 64); // before kpu_init
    result[1] = kpu_init();
    result[2] = kpu_init();
    result[3] = kpu_start(layers, 0, true, dst, 64);
    result[4] = kpu_start(NULL, 1, true, dst, 64);
    result[5] = kpu_start(layers, 1, true, output, 64); // cached
    result[6] = kpu_start(layers, 1, true, dst + 8, 64);
    result[7] = kpu_poll();
    kpu_abort();
    say("go");
    kpu_prepare(layers, 2, true);
    uint64_t start = clint_get_time();
    result[8] = kpu_start(layers, 2, true, dst, 64);
    result[9] = wait();
    result[10] = clint_get_time() - start;
    result[11] = kpu_start(layers, 1, true, NULL, 0);
    kpu_abort();
    result[12] = kpu_poll();
    result[13] = KPU->interrupt_mask;
    result[14] = DMAC_OK == dmac_poll(DMAC_CHANNEL_KPU);
}
"""


def test_wrong_arguments_timeouts_and_aborts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = build(tmp_path, ENDS)
    monkeypatch.setattr("microkpu.virtual.kpu.outside", lambda *_: "")  # its words are zeros
    program.board.faults.stall("kpu")
    program.run(seconds=10)
    assert [program.result(i) for i in range(9)] == [-2, 0, 0, -2, -2, -2, -2, 0, 0]
    assert program.result(9) == -3
    assert 2.0 < program.result(10) / 7.8e6 < 2.2
    assert [program.result(i) for i in range(11, 15)] == [0, -3, 7, 0]
    assert not program.board.kpu.running


MAPS = """
static uint8_t cached[300000] __attribute__((aligned(64)));
static uint8_t back[300000] __attribute__((aligned(64)));
static uint8_t uncached[300000] IOMEM_UNCACHED_ONLY;
static struct { uint32_t w, h, channels, offset, from_uncached; } cases[] = { %s };
static void steps(void) {
    kpu_init();
    uint8_t *alias = iomem_uncached(uncached);
    volatile uint64_t *ai = (volatile uint64_t *)kpu_ai_ram();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t j = 0; j < 0x200000 / 8; j++) {
            ai[j] = 0xcccccccccccccccc;
        }
        size_t bytes = cases[i].w * cases[i].h * cases[i].channels;
        uint8_t *src = (cases[i].from_uncached ? alias : cached) + cases[i].offset;
        for (size_t j = 0; j < bytes; j++) {
            src[j] = j * 7 + j / 251 + i;
        }
        result[0] = kpu_write_map(100, src, cases[i].w, cases[i].h, cases[i].channels);
        memset(back, 0x11, bytes + 64);
        uint8_t *dst = back + cases[i].offset;
        result[1] = kpu_read_map(dst, 100, cases[i].w, cases[i].h, cases[i].channels);
        result[2] = memcmp(dst, src, bytes);
        result[3] = dst[bytes];
        result[4] = i;
        say("next");
        while (result[255] <= (int64_t)i) {
        }
    }
}
"""
SHAPES = [
    (1, 1, 1), (4, 4, 9), (7, 5, 3), (16, 3, 5), (17, 4, 4), (24, 6, 3), (32, 2, 3), (33, 3, 2),
    (63, 3, 3), (64, 5, 4), (65, 2, 3), (128, 4, 3), (224, 3, 3), (320, 24, 3),
]  # fmt: skip


def test_maps_lie_where_the_width_asks_for_and_gaps_keep_what_they_had(tmp_path: Path) -> None:
    cases = [
        (*shape, offset, alias) for shape in SHAPES for offset, alias in ((0, 0), (3, 0), (0, 1))
    ]
    rows = ", ".join("{ " + ", ".join(map(str, case)) + " }" for case in cases)
    program = build(tmp_path, MAPS.replace("%s", rows))
    start = (program.symbols["result"] & 0x7FFFFF) + 8 * 255
    for index, (w, h, channels, _, _) in enumerate(cases):
        program.run(until=b"next")
        assert [program.result(i) for i in range(5)] == [0, 0, 0, 0x11, index], cases[index]
        wanted = np.full(0x200000, 0xCC, np.uint8)
        count = w * h * channels
        plain = np.array([(j * 7 + j // 251 + index) & 0xFF for j in range(count)], np.uint8)
        where = places(100, channels, h, w) - 0x600000
        wanted[where] = plain.reshape(channels, h, w)
        got = np.frombuffer(program.board.machine.ram, np.uint8)[0x600000:]
        assert np.array_equal(got, wanted), cases[index]
        program.board.machine.ram[start] = index + 1


def test_maps_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    source = """
    static uint8_t byte[64];
    static void steps(void) {
        result[0] = kpu_write_map(0, byte, 1, 1, 1); // before kpu_init
        kpu_init();
        result[1] = kpu_write_map(32768, byte, 1, 1, 1);
        result[2] = kpu_write_map(32767, byte, 1, 2, 1);
        result[3] = kpu_write_map(32767, byte, 1, 1, 5);
        result[4] = kpu_write_map(0, byte, 0, 1, 1);
        result[5] = kpu_read_map(byte, 0, 1024, 512, 1024);
        result[6] = kpu_read_map(byte, 0, 0xffffffff, 0xffffffff, 1);
        result[7] = kpu_write_map(32767, byte, 1, 1, 4);
        result[8] = kpu_bus_address(byte) == (uint32_t)(uintptr_t)byte - 0x40000000;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(9)] == [-2] * 7 + [0, 1]


def test_ai_ram_runs_at_the_cpu_s_rate_and_holds_what_is_written(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        result[0] = kpu_init();
        volatile uint64_t *ai = (volatile uint64_t *)kpu_ai_ram();
        for (uint64_t i = 0; i < 0x200000 / 8; i++) {
            ai[i] = i * 0x9e3779b97f4a7c15ull;
        }
        for (uint64_t i = 0; i < 0x200000 / 8; i++) {
            result[1] |= ai[i] ^ i * 0x9e3779b97f4a7c15ull;
        }
        result[2] = sysctl_clock_get_freq(SYSCTL_CLOCK_AI);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(3)] == [0, 0, 390_000_000]
    assert program.board.sysctl.ai_hz == program.board.sysctl.cpu_hz == 390_000_000
