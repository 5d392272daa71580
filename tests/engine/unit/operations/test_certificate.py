"""The engine's own certificate: made, kept, announced before it changes; and the owner's."""

from datetime import UTC, datetime, timedelta
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import serialization
import pytest

from home_sentry_engine.operations.certificate import (
    ANNOUNCED,
    LASTS,
    RENEWED,
    Keeper,
    UnusableCertificate,
    grouped,
    known_certificate,
    own_certificate,
    provided_certificate,
    server_context,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1", "::1")
DAY = timedelta(days=1)


def own(folder, now=NOW):
    return own_certificate(folder, NAMES, now)


def public_key(file):
    key = x509.load_pem_x509_certificate(file.read_bytes()).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_it_is_made_once_for_this_machine_and_readable_by_its_owner_alone(tmp_path):
    assert known_certificate(tmp_path) is None
    first = own(tmp_path)
    assert own(tmp_path, NOW + DAY) == first
    known = known_certificate(tmp_path)
    assert known is not None
    assert known.fingerprint == first.fingerprint
    assert (first.own, first.next_fingerprint, first.expires_at) == (True, None, NOW + LASTS)
    assert first.key.stat().st_mode & 0o777 == 0o600
    assert first.key.parent.stat().st_mode & 0o777 == 0o700
    leaf = x509.load_pem_x509_certificate(first.chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_a_key_that_others_can_read_is_locked_up(tmp_path):
    key = own(tmp_path).key
    key.chmod(0o644)
    own(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_next_one_is_told_long_before_it_is_used_and_has_the_same_key(tmp_path):
    first = own(tmp_path)
    key = public_key(first.chain)
    announced = own(tmp_path, first.expires_at - ANNOUNCED + DAY)
    assert announced.fingerprint == first.fingerprint
    assert announced.next_fingerprint not in {None, first.fingerprint}
    renewed = own(tmp_path, first.expires_at - RENEWED + DAY)
    assert renewed.fingerprint == announced.next_fingerprint
    assert renewed.next_fingerprint is None
    assert renewed.expires_at > first.expires_at
    assert public_key(renewed.chain) == key


@pytest.mark.parametrize("announced", [True, False])
def test_an_engine_that_slept_too_long_goes_on_with_what_it_told(tmp_path, announced):
    first = own(tmp_path)
    told = own(tmp_path, first.expires_at - ANNOUNCED + DAY).next_fingerprint if announced else None
    late = own(tmp_path, first.expires_at + DAY)
    assert late.fingerprint != first.fingerprint
    assert told in {None, late.fingerprint}
    assert public_key(late.chain) is not None


@pytest.mark.parametrize("name", ["key.pem", "certificate.pem"])
def test_a_damaged_file_is_named(tmp_path, name):
    own(tmp_path)
    (tmp_path / "tls" / name).write_text("no PEM")
    with pytest.raises(UnusableCertificate, match=name):
        own(tmp_path)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    one, other = own(tmp_path / "one"), own(tmp_path / "other")
    mixed = provided_certificate(one.chain, other.key)
    assert (mixed.own, mixed.fingerprint) == (False, one.fingerprint)
    with pytest.raises(UnusableCertificate, match="no certificate with its key"):
        server_context(mixed)
    with pytest.raises(UnusableCertificate, match="tls_client_ca"):
        server_context(one, one.key)
    with pytest.raises(UnusableCertificate, match=r"missing\.pem"):
        provided_certificate(tmp_path / "missing.pem", one.key)


def test_nothing_older_than_tls_1_2(tmp_path):
    context = server_context(own(tmp_path))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE
    certificate = own(tmp_path)
    assert server_context(certificate, certificate.chain).verify_mode is ssl.CERT_REQUIRED


def test_the_keeper_follows_the_files(tmp_path):
    now = [NOW]
    keeper = Keeper(lambda: own(tmp_path, now[0]))
    assert keeper.review() is False
    now[0] = keeper.certificate.expires_at - RENEWED + DAY
    before = keeper.certificate.fingerprint
    assert keeper.review() is True
    assert keeper.certificate.fingerprint != before


def test_fingerprints_are_written_in_pairs():
    assert grouped("00ff1a") == "00:FF:1A"
