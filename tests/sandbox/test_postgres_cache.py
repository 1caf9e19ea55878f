"""Cached clusters: believed only when whole and ours, rebuilt otherwise, and never a reason to fail."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pytest_paygate.sandbox import postgres_cache
from pytest_paygate.sandbox.postgres import PostgresServer

DATABASES = {"d": "CREATE TABLE a (id int); INSERT INTO a VALUES (7)"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of one good cached cluster."""
    home = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
        PostgresServer.start(DATABASES).stop()
    (path,) = home.rglob("*.cluster")
    return path.read_bytes()


@pytest.fixture
def cached(cluster: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That cluster in a cache of this test's own, found by its next start."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
    PostgresServer.start(DATABASES).stop()
    (path,) = tmp_path.rglob("*.cluster")
    path.write_bytes(cluster)
    return path


def flipped(image: bytes) -> bytes:
    """One bit of the contents changed."""
    middle = len(image) // 2
    return image[:middle] + bytes([image[middle] ^ 1]) + image[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "half written": lambda image: image[: len(image) // 2],
    "one bit": flipped,
    "empty": lambda image: b"" if image else image,
    "something else": lambda image: b"\0" * len(image),
    "its end missing": lambda image: image[:-1],
    "the digest missing": lambda image: image[:30],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_of_any_kind_is_seen(cluster: bytes, damage: Callable[[bytes], bytes]) -> None:
    """Whatever is not exactly what was packed is not sound."""
    assert postgres_cache.is_sound(cluster)
    assert not postgres_cache.is_sound(damage(cluster))


@pytest.mark.parametrize("damage", ["half written", "one bit"])
def test_a_damaged_cluster_is_rebuilt(cached: Path, damage: str) -> None:
    """The start succeeds with the right tables, and the cache holds a sound cluster again."""
    cached.write_bytes(DAMAGES[damage](cached.read_bytes()))
    with PostgresServer.start(DATABASES) as server, psycopg.connect(server.dsn("d")) as connection:
        assert connection.execute("SELECT id FROM a").fetchone() == (7,)
    assert postgres_cache.is_sound(cached.read_bytes())


def test_packing_and_unpacking_keep_every_file(tmp_path: Path) -> None:
    """Folders, names, contents and the empty ones come back; what the server makes anew does not."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "base" / "1").mkdir(parents=True)
    (source / "pg_tblspc").mkdir()
    kept = {"PG_VERSION": b"18", "base/1/1259": b"x" * 8192, "base/1/1260": b"x" * 8192, "base/1/1261": b""}
    dropped = {"base/1/1259_fsm": b"f", "base/1/1259_vm": b"v", "postmaster.pid": b"1", "postmaster.opts": b"o"}
    for name, content in (kept | dropped).items():
        (source / name).write_bytes(content)
    image = postgres_cache.pack(source)
    assert postgres_cache.is_sound(image)
    postgres_cache.unpack(image, target, None)
    found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == kept
    assert (target / "pg_tblspc").is_dir()
    assert all(path.stat().st_mode & 0o077 == 0 for path in (target, *target.rglob("*")))


def test_an_image_shorter_than_its_index_ends_in_an_error(tmp_path: Path) -> None:
    """Even unchecked, a cut image is refused instead of being written for ever."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "PG_VERSION").write_bytes(b"18")
    image = postgres_cache.pack(tmp_path / "source")
    with pytest.raises(OSError, match="ends before its last file"):
        postgres_cache.unpack(image[:-2], tmp_path / "target", None)


def test_the_configured_cache_folder_is_used_privately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME decides, one folder per user id, closed to others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = postgres_cache.cache_folder()
    assert folder == tmp_path / "xdg" / "pytest-paygate" / f"uid-{os.geteuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_home_cache_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without XDG_CACHE_HOME it is ~/.cache."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert postgres_cache.cache_folder() == tmp_path / ".cache" / "pytest-paygate" / f"uid-{os.geteuid()}"


def test_root_leaves_no_folder_in_the_home_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under sudo HOME is the user's: root then keeps its cache elsewhere, and the user's own home serves the user."""
    home, temp = tmp_path / "home", tmp_path / "temp"
    home.mkdir()
    temp.mkdir()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    monkeypatch.setenv("TMPDIR", str(temp))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(home, 65534, 65534)
    folder = postgres_cache.cache_folder()
    assert folder is not None
    assert folder.is_relative_to(temp if is_root else home)
    assert list((home if is_root else temp).iterdir()) == []


@pytest.mark.parametrize("configured", ["/dev/null/nowhere", "relative/path"])
def test_an_unusable_cache_folder_falls_back_to_a_private_temp_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    """A place that cannot be written, or a relative one, gives a folder of this user's below the temp folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", configured)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = postgres_cache.cache_folder()
    assert folder == tmp_path / f"pytest-paygate-uid-{os.geteuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_others_may_write_is_never_used(tmp_path: Path) -> None:
    """A cluster holds settings that run programs, so a folder where others could plant one is refused."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    assert postgres_cache.own_folder(folder, mode=0o700) is None
    assert folder.stat().st_mode & 0o777 == 0o777


def test_a_link_in_place_of_the_folder_is_never_followed(tmp_path: Path) -> None:
    """A planted link cannot turn the cache to somebody else's folder."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to(tmp_path / "real")
    assert postgres_cache.own_folder(tmp_path / "cache", mode=0o700) is None


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    """Storing into a folder that is gone, or a name that is taken by a folder, passes in silence and leaves nothing."""
    postgres_cache.store(tmp_path / "gone", "key", b"x")
    (tmp_path / "key.cluster").mkdir()
    postgres_cache.store(tmp_path, "key", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["key.cluster"]
    postgres_cache.store(None, "key", b"x")
    assert postgres_cache.load(None, "key") is None
    assert postgres_cache.load(tmp_path, "other") is None


def test_unused_clusters_are_forgotten(tmp_path: Path) -> None:
    """A new cluster drops those unused for a month and what killed builders left; the fresh ones stay."""
    old = time.time() - 40 * 86_400
    for name in ("old.cluster", "building-old", "fresh.cluster", "building-now", "unrelated"):
        (tmp_path / name).write_bytes(b"")
    for name in ("old.cluster", "building-old", "unrelated"):
        os.utime(tmp_path / name, (old, old))
    postgres_cache.store(tmp_path, "new", b"x")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["building-now", "fresh.cluster", "new.cluster", "unrelated"]


def test_using_a_cluster_keeps_it(cached: Path) -> None:
    """A warm start marks its cluster as used, so that it is not forgotten."""
    old = time.time() - 40 * 86_400
    os.utime(cached, (old, old))
    PostgresServer.start(DATABASES).stop()
    assert cached.stat().st_mtime > old
