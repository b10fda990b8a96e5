# SPDX-License-Identifier: MIT
"""Fetches the pinned upstream sources: `python -m microkpu.sources fetch NAME` prints the place.

Order: the directory that the environment names, the unpacked copy or the tarball in the cache,
Debian's source package by apt. Works as an ordinary user and leaves the machine's own apt
configuration alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from microkpu.errors import MicrokpuError

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "firmware" / "sources.toml"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_TIMEOUT_S = 600


@dataclass(frozen=True)
class Source:
    """One pinned source package.

    `variable` is the environment's name for a ready tree, `witness` a file that each has, where
    `release_pattern` finds the numbers of its release.
    """

    name: str
    variable: str
    package: str
    version: str
    suite: str
    tarball: str
    sha256: str
    witness: str
    release: str
    release_pattern: str

    @property
    def directory(self) -> str:
        return self.tarball.split(".orig.")[0].split("+")[0].replace("_", "-")


def pinned(name: str, pins: Path = PINS) -> Source:
    """The pin of that name in sources.toml."""
    table = tomllib.loads(pins.read_text())
    if name not in table:
        raise MicrokpuError(f"no source is called {name!r}: one of {', '.join(sorted(table))}")
    return Source(name=name, **table[name])


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """MICROKPU_CACHE, or build/sources in the project."""
    given = environment.get("MICROKPU_CACHE")
    return Path(given).expanduser().resolve() if given else ROOT / "build" / "sources"


def fetch(source: Source, environment: Mapping[str, str] = os.environ) -> Path:
    """The directory that holds the source, fetched and unpacked when needed."""
    given = environment.get(source.variable)
    if given:
        tree = Path(given).expanduser().resolve()
        check_release(tree, given, source)
        return tree
    cache = cache_directory(environment)
    tree = cache / source.directory
    stamp = tree / ".sha256"
    if stamp.is_file() and stamp.read_text() == source.sha256:
        return tree
    tarball = cache / source.tarball
    if tarball.is_file():
        check(tarball, source)
    else:
        cache.mkdir(parents=True, exist_ok=True)
        try:
            download(source, tarball, environment)
        except MicrokpuError as error:
            apt = "DEBIAN_MIRROR=http://... to a Debian mirror, or "
            raise MicrokpuError(
                f"no source of {source.name} {source.release}: {error}:"
                f" set {apt if shutil.which('apt-get') else ''}{source.variable} to a source tree"
                f" of it, or put {tarball} there"
            ) from error
    unpack(tarball, tree, source.sha256)
    return tree


def check_release(tree: Path, given: str, source: Source) -> None:
    """Refuses a tree that is something else, or of another release than the pinned one."""
    wanted = f"set it to a source tree of {source.name} {source.release}, or unset it"
    witness = tree / source.witness
    if not witness.is_file():
        raise MicrokpuError(f"{source.variable}={given} has no {source.witness}: {wanted}")
    found = ".".join(re.findall(source.release_pattern, witness.read_text(errors="replace")))
    if found != source.release:
        raise MicrokpuError(
            f"{source.variable}={given} is {source.name} {found or 'of an unknown release'},"
            f" but {source.release} is needed: {wanted}"
        )


def check(tarball: Path, source: Source) -> None:
    """Refuses a tarball with another digest than the pinned one."""
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise MicrokpuError(
            f"{tarball} has sha256 {digest} but {source.sha256} is pinned:"
            " delete the file to fetch it anew"
        )


def unpack(tarball: Path, tree: Path, digest: str) -> None:
    """Unpacks beside the goal and renames: a broken or second run never leaves half a tree."""
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".unpack-") as scratch:
        with tarfile.open(tarball) as archive:
            # Debian 12's Python 3.11.2 knows no filters; the digest vouches for the content.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(scratch)
        (top,) = Path(scratch).iterdir()
        (top / ".sha256").write_text(digest)
        old = Path(scratch) / "old"
        if tree.exists():
            if (tree / ".sha256").is_file() and (tree / ".sha256").read_text() == digest:
                return  # another run was first
            tree.rename(old)
        try:
            top.rename(tree)
        except OSError:
            if not (tree / ".sha256").is_file():
                raise


def download(source: Source, tarball: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Debian's orig tarball by apt, checked before it gets its name."""
    if shutil.which("apt-get") is None:
        raise MicrokpuError("apt-get is not on this machine")
    mirror = environment.get("DEBIAN_MIRROR") or debian_mirror()
    with tempfile.TemporaryDirectory(dir=tarball.parent, prefix=".apt-") as scratch:
        home = Path(scratch)
        variables = {
            **environment,
            "APT_CONFIG": str(private_apt(home, mirror, source.suite)),
            "LC_ALL": "C",
        }
        run(["apt-get", "-q", "update"], home, variables)
        run(
            [
                "apt-get",
                "-q",
                "--download-only",
                "--tar-only",
                "source",
                f"{source.package}={source.version}",
            ],
            home,
            variables,
        )
        found = home / source.tarball
        if not found.is_file():
            raise MicrokpuError(f"{source.package} {source.version} came without {source.tarball}")
        check(found, source)
        found.replace(tarball)


def run(command: list[str], directory: Path, variables: Mapping[str, str]) -> None:
    """Runs one command quietly; its last error line is the message when it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=dict(variables),
            capture_output=True,
            text=True,
            timeout=APT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MicrokpuError(f"`{' '.join(command)}` took over {APT_TIMEOUT_S} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
        reason = lines[-1] if lines else f"exit status {done.returncode}"
        raise MicrokpuError(f"`{' '.join(command)}` failed: {reason}")


def private_apt(home: Path, mirror: str, suite: str) -> Path:
    """An apt configuration that touches nothing outside `home`; proxies stay as they are."""
    for folder in ("state/lists/partial", "cache/archives/partial", "log", "etc/none"):
        (home / folder).mkdir(parents=True)
    (home / "state/status").touch()
    (home / "etc/debian.sources").write_text(
        f"Types: deb-src\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n"
        f"Signed-By: {keyring()}\n"
    )
    machine = subprocess.run(
        ["apt-config", "dump"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    kept = [line for line in machine if re.match(r"Acquire::(?!IndexTargets|Languages)", line)]
    settings = {
        "Dir::State": home / "state",
        "Dir::State::lists": home / "state/lists",
        "Dir::State::status": home / "state/status",
        "Dir::Cache": home / "cache",
        "Dir::Cache::archives": home / "cache/archives",
        "Dir::Log": home / "log",
        "Dir::Etc::sourcelist": home / "etc/debian.sources",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::Etc::parts": home / "etc/none",
        "Dir::Etc::main": home / "etc/none.conf",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",
        "APT::Update::Error-Mode": "any",
    }
    lines = kept + [f'{key} "{value}";' for key, value in settings.items()]
    configuration = home / "etc/apt.conf"
    configuration.write_text("\n".join(lines) + "\n")
    return configuration


def keyring() -> Path:
    """Debian's archive keys, which sign the suite."""
    if not KEYRING.is_file():
        raise MicrokpuError(f"{KEYRING} is not there (apt-get install debian-archive-keyring)")
    return KEYRING


def debian_mirror(etc: Path = Path("/etc/apt")) -> str:
    """The first Debian mirror in the machine's own apt sources."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for path in files:
        if path.is_file() and path.suffix in (".list", ".sources"):
            text = path.read_text(errors="replace")
            stanzas = deb822(text) if path.suffix == ".sources" else one_line(text)
            for uri, suite in stanzas:
                if is_debian(uri, suite):
                    return uri
    raise MicrokpuError(f"no Debian mirror is in {etc}/sources.list or sources.list.d")


def is_debian(uri: str, suite: str) -> bool:
    """Debian's main archive: not its security archive, nor another distribution's or vendor's."""
    return re.search(r"/debian(\.list)?/?$", uri) is not None and "security" not in suite


def one_line(text: str) -> Iterator[tuple[str, str]]:
    """(URI, suite) of each `deb [options] URI suite components` line."""
    for line in text.splitlines():
        match = re.match(r"\s*deb(?:-src)?\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if match:
            yield match[1], match[2]


def deb822(text: str) -> Iterator[tuple[str, str]]:
    """(URI, suite) of each enabled stanza; comment lines may stand between its fields."""
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza))
        if fields.get("Enabled", "yes").lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("URIs", "").split():
            for suite in fields.get("Suites", "").split():
                yield uri, suite


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="microkpu.sources", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="print the source's directory").add_argument("name")
    given = parser.parse_args(arguments)
    try:
        print(fetch(pinned(given.name)))
    except MicrokpuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
