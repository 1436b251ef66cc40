"""Who reaches a scheduler runs code on its workers: who is let in, and on which interfaces anything listens."""

import ipaddress
import os
import socket
import ssl
import sys
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import psutil
import pytest

from mnemoscope.errors import InputError
from mnemoscope.sweeps import Certificates, cluster, grid, sweep

from .sweep_trials import Coin

TRIALS = grid(Coin, bias=0.5, seed=range(3))


@pytest.fixture(scope="module")
def local() -> Iterator[distributed.LocalCluster]:
    with cluster.local_cluster(1, 0.0) as made:
        yield made


def write_certificates(security: Any, folder: Path) -> Certificates:
    """The files of a cluster's own authority, as whoever runs it would hand them out."""
    files = Certificates(*(folder / name for name in ("ca.pem", "cert.pem", "key.pem")))
    contents = security.tls_ca_file, security.tls_client_cert, security.tls_client_key
    for file, content in zip(files, contents, strict=True):
        file.write_text(content)
    return files


def answers(address: str, context: ssl.SSLContext | None) -> bool:
    """Whether a server of the cluster says a byte to a peer that speaks TLS with this context, or plainly."""
    host, port = address.removeprefix("tls://").split(":")
    try:
        with socket.create_connection((host, int(port)), 10) as plain:
            plain.settimeout(20)
            if context is None:
                plain.sendall(64 * b"\0")
                return bool(plain.recv(1))
            with context.wrap_socket(plain) as talk:
                return bool(talk.recv(1))  # TLS 1.3 refuses only here; Dask begins with what versions it speaks
    except (ssl.SSLError, ConnectionError):
        return False


def test_all_listen_on_the_loopback_interface_only(local: distributed.LocalCluster) -> None:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    addresses = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(addresses) >= 4, "scheduler, nanny and worker, and their HTTP servers"
    assert all(ipaddress.ip_address(address).is_loopback for address in addresses), addresses


def test_no_page_is_served(local: distributed.LocalCluster) -> None:
    server = local.scheduler.http_server
    for page in ("", "info/main/workers.html", "metrics", "health", "status", "json/counts.json"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{server.address}:{server.port}/{page}", timeout=10)


def test_who_has_no_certificate_of_the_clusters_is_told_nothing(local: distributed.LocalCluster) -> None:
    """Neither by the scheduler nor by a worker: whatever another process has, it has no certificate of this cluster."""
    (worker,) = local.scheduler_info["workers"]
    ours, others = local.security, distributed.Security.temporary()
    nobody = ssl.create_default_context(cadata=ours.tls_ca_file)
    nobody.check_hostname = False
    another = others.get_connection_args("client")["ssl_context"]
    another.load_verify_locations(cadata=ours.tls_ca_file)  # it trusts the cluster, and is not trusted
    for address in (local.scheduler_address, worker):
        assert address.startswith("tls://127.0.0.1:")
        assert answers(address, ours.get_connection_args("client")["ssl_context"])
        assert not answers(address, nobody)
        assert not answers(address, another)
        assert not answers(address, None)


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_client_without_the_certificate_runs_nothing(local: distributed.LocalCluster, scheme: str) -> None:
    """What another process of the machine did to run code on a worker."""
    address = local.scheduler_address.replace("tls", scheme)
    with pytest.raises((OSError, TypeError)):
        distributed.Client(address, timeout=1, security=distributed.Security())
    with distributed.Client(local) as client:
        assert client.submit(os.getpid).result(timeout=60) != os.getpid()


def test_with_certificates_a_sweep_runs_and_warns_of_nothing(local: distributed.LocalCluster, tmp_path: Path) -> None:
    files = write_certificates(local.security, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = sweep(TRIALS, tmp_path / "out", scheduler=local.scheduler_address, certificates=files)
    assert done.computed == 3


def test_without_certificates_no_sweep_runs_on_it(local: distributed.LocalCluster, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tls://127.* needs certificates \(--tls-ca, --tls-cert, --tls-key\)"):
        sweep(TRIALS, tmp_path, scheduler=local.scheduler_address)


def test_certificates_of_another_authority_are_refused(
    local: distributed.LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_TIMEOUT", 1)
    files = write_certificates(distributed.Security.temporary(), tmp_path)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        sweep(TRIALS, tmp_path / "out", scheduler=local.scheduler_address, certificates=files)


def test_a_scheduler_without_encryption_is_warned_of(tmp_path: Path) -> None:
    with (
        distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp://", dashboard_address=":0") as plain,
        pytest.warns(UserWarning, match=r"scheduler tcp://.*: is not encrypted .* run code as you; give certificates"),
    ):
        assert sweep(TRIALS, tmp_path, scheduler=plain.scheduler_address).computed == 3


@pytest.mark.parametrize("scheduler", [None, "local:2", "tcp://127.0.0.1:9"])
def test_certificates_where_nothing_is_encrypted_are_refused(scheduler: str | None, tmp_path: Path) -> None:
    files = write_certificates(distributed.Security.temporary(), tmp_path)
    with pytest.raises(InputError, match="certificates: are for a scheduler at tls://HOST:PORT, not for"):
        sweep(TRIALS, tmp_path / "out", scheduler=scheduler, certificates=files)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("spoil", ["missing", "no PEM"])
def test_a_certificate_that_cannot_be_read_is_named(place: int, spoil: str, tmp_path: Path) -> None:
    files = write_certificates(distributed.Security.temporary(), tmp_path)
    if spoil == "missing":
        files[place].unlink()
    else:
        files[place].write_text("no PEM")
    named = files[place].name if spoil == "missing" else "cert.pem: cannot be read as a certificate"
    with pytest.raises(InputError, match=named):
        sweep(TRIALS, tmp_path / "out", scheduler="tls://127.0.0.1:9", certificates=files)


def test_without_cryptography_a_local_cluster_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ImportError, match=r"cryptography is not installed: pip install 'mnemoscope\[sweeps\]'"):
        sweep(TRIALS, tmp_path / "out", scheduler="local:1")
    assert not (tmp_path / "out").exists()
