# SPDX-License-Identifier: MIT
"""MicroPython's own tests, run by its own run-tests.py over the board's port.

Whatever does not pass stands in REASONS; nothing else may fail or be skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import microkpu.board
import pytest
from microkpu.sources import fetch, pinned
from microkpu.testing import Bench

TIMEOUT = 1200
# Folders of tests that run together, and how many of their tests pass.
PARTS = {
    "basics": 528,
    "extmod": 134,
    "float micropython misc stress unicode": 131,
    "io import": 40,
    "thread": 33,
}
WANTED = 790
# Why tests do not pass, and which ones: nothing else may fail or be skipped.
REASONS = {
    "a feature of the largest configuration only, ROM level EVERYTHING": """
        builtin_range_binop class_inplace_op2 fun_code fun_code_micropython io_buffered_writer
        memoryview_itemsize namedtuple_asdict sys_getsizeof sys_tracebacklimit marshal_basic
        marshal_micropython marshal_stress re_debug re_groups re_span sys_atexit sys_exc_info
        heap_locked unicode_ure""",
    "exceptions are not chained": "exception_chain",
    "objects are words, not NaN boxes": "nanbox_smallint",
    "wants to be run from a file": "sys_path argv import_file",
    "time_pulse_us() takes pins of the chip, not what Python makes one": "machine_pulse",
    "knows the pins of other chips only": """
        machine_i2s_rate machine_spi_rate machine_uart_irq_txidle machine_uart_tx""",
    "there is no network": """
        select_ipoll select_poll_basic select_poll_custom select_poll_udp socket_tcp_basic
        socket_udp_nonblock ssl_basic ssl_cadata ssl_ioctl ssl_keycert ssl_keycert_pkcs8 ssl_noleak
        ssl_poll ssl_sslcontext ssl_sslcontext_verify_mode ssl_sslcontext_verify_mode2 tls_dtls
        tls_sslcontext_ciphers tls_sslcontext_micropython websocket_basic""",
    "wants an operating system": """
        select_poll_eintr select_poll_fd vfs_posix vfs_posix_enoent vfs_posix_ilistdir_del
        vfs_posix_ilistdir_filter vfs_posix_paths file_stdio file_stdio2""",
    "upstream's sources for it are in git submodules, which its archive leaves out": """
        btree1 btree_closed btree_error btree_gc hashlib_md5 hashlib_sha1""",
    "only what unpacks is built in": """
        deflate_compress deflate_compress_memory_error deflate_stream_error""",
    "littlefs 1 and ROM file systems are not built in": """
        vfs_lfs vfs_lfs_corrupt vfs_lfs_error vfs_lfs_file vfs_lfs_mount vfs_rom""",
    "upstream has no native emitter for RV64": """
        import_mpy_native import_mpy_native_gc native_closure native_const native_const_intbig
        native_for native_fun_attrs native_fun_attrs_code native_gen native_misc native_try
        native_try_deep native_while native_with viper_addr viper_args viper_binop_arith
        viper_binop_arith_uint viper_binop_bitwise_uint viper_binop_comp viper_binop_comp_imm
        viper_binop_comp_uint viper_binop_divmod viper_binop_multi_comp viper_cond viper_const
        viper_const_intbig viper_error viper_globals viper_import viper_misc viper_misc2
        viper_misc3 viper_misc_intbig viper_ptr16_load viper_ptr16_store viper_ptr32_load
        viper_ptr32_store viper_ptr8_load viper_ptr8_store viper_storeattr viper_subscr
        viper_subscr_multi viper_try viper_types viper_unop viper_with""",
    "tests of upstream's own builds": """
        cexample_class cexample_module cexample_subclass sys_settrace_features
        sys_settrace_generator sys_settrace_loop meminfo memstats heapalloc_bytesio2""",
    "the C library's exp(1) is off by one in the last place": "math_constants",
}
NOT_PASSED = {name: reason for reason, names in REASONS.items() for name in names.split()}


def put_files(port: str, tests: Path) -> None:
    """What tests import and open: unittest, and the files beside the tests of io and import."""
    own = Path(__file__).with_name("upstream_unittest.py")
    files = {"unittest.py": own}
    for folder in ("io/data", "unicode/data"):
        files |= {f"data/{each.name}": each for each in (tests / folder).iterdir()}
    beside = tests / "import"
    files |= {str(each.relative_to(beside)): each for each in beside.rglob("*.py")}
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    with microkpu.board.open(port) as board:
        board.exec("import os")
        for folder in sorted(folders):
            board.exec(f"try: os.mkdir('/flash/{folder}')\nexcept OSError: pass")
        for name, source in files.items():
            board.put(f"/flash/{name}", source.read_bytes())


@pytest.fixture(scope="module")
def tests() -> Path:
    return fetch(pinned("micropython")) / "tests"


@pytest.fixture(scope="module")
def port(
    pytestconfig: pytest.Config, maix_bench: Bench, request: pytest.FixtureRequest, tests: Path
) -> Iterator[str]:
    """A port that another program can open: the board's own, or a virtual one's pty."""
    name = pytestconfig.getoption("--maix-port")
    if name != "virtual":
        maix_bench.close()
        put_files(name, tests)
        yield name
        return
    firmware = request.getfixturevalue("firmware")
    command = [sys.executable, "-m", "microkpu", "virtual", "--pty", "--fast"]
    with subprocess.Popen(
        [*command, "--firmware", str(firmware)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pty = process.stdout.readline().strip()
        put_files(pty, tests)
        yield pty
        process.terminate()


@pytest.mark.parametrize("part", PARTS)
def test_upstream(port: str, tests: Path, tmp_path: Path, part: str) -> None:
    done = subprocess.run(
        [
            sys.executable, "run-tests.py", "-t", f"port:{port}", "--result-dir", str(tmp_path),
            "-d", *part.split(),
        ],
        cwd=tests,
        env=os.environ | {"MICROPY_CPYTHON3": sys.executable},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )  # fmt: skip
    last = done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "_results.json").is_file(), last
    failed = json.loads((tmp_path / "_results.json").read_text())["failed_tests"]
    skipped = re.search(r"^\d+ tests skipped: (.*)", done.stdout, re.M)
    missed = {Path(name).stem for name in failed} | set(skipped[1].split() if skipped else ())
    passed = re.search(r"^(\d+) tests passed", done.stdout, re.M)
    assert missed <= set(NOT_PASSED), f"{sorted(missed - set(NOT_PASSED))}\n{last}"
    assert passed and int(passed[1]) >= PARTS[part], last


def test_enough_pass() -> None:
    assert sum(PARTS.values()) >= WANTED
