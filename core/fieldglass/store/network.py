"""Is a folder on a network file system? SQLite's write-ahead log needs memory shared by all its users."""

from __future__ import annotations

from pathlib import Path

__all__ = ["network_type"]

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "glusterfs", "fuse.glusterfs"})
_MOUNTS = Path("/proc/self/mounts")


def network_type(folder: Path) -> str:
    """The name of the network file system that holds `folder`, or "". Known on Linux only."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    place = folder.resolve()
    best, kind = -1, ""
    for line in lines:
        _, point, system, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if len(point) >= best and place.is_relative_to(point):
            best, kind = len(point), system
    return kind if kind in _NETWORK else ""
