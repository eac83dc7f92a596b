"""When a certificate of ACM that is validated by DNS is issued.

moto 5.2.5 issues it after a minute, independent of DNS. Here, as on AWS, it is issued when the records that
prove the ownership are in Route 53; a domain whose records are kept elsewhere still gets its certificate
after the minute.
"""

from __future__ import annotations

from typing import Any

from moto.acm.models import CertBundle


def apply() -> None:
    """Look for the records first."""
    original = CertBundle.check

    def check(certificate: Any) -> None:
        original(certificate)
        if certificate.type != "AMAZON_ISSUED" or certificate.status != "PENDING_VALIDATION":
            return
        options = certificate.describe()["Certificate"]["DomainValidationOptions"]
        wanted = {option["ResourceRecord"]["Name"].rstrip(".").lower() for option in options}
        if wanted <= _cname_records():
            certificate.status = "ISSUED"

    CertBundle.check = check


def _cname_records() -> set[str]:
    from moto.route53.models import route53_backends

    backends = [backend for account in list(route53_backends.values()) for backend in list(account.values())]
    zones = [zone for backend in backends for zone in list(backend.zones.values())]
    return {
        record.name.rstrip(".").lower()
        for zone in zones
        for record in list(zone.rrsets)
        if record.type == "CNAME"
    }
