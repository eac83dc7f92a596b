"""When a certificate of ACM that is validated by DNS is issued.

moto 5.2.5 issues it after a minute, independent of DNS. Here, as on AWS, it is issued when the records that
prove the ownership are in Route 53; a domain whose records are kept elsewhere still gets its certificate
after the minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.acm.models import CertBundle

from local_cloud.moto_backends import every
from local_cloud.patches import extends


@extends(CertBundle)
def _check(original: Callable[[Any], None], certificate: Any) -> None:
    original(certificate)
    if certificate.type != "AMAZON_ISSUED" or certificate.status != "PENDING_VALIDATION":
        return
    from moto.route53.models import route53_backends

    options = certificate.describe()["Certificate"]["DomainValidationOptions"]
    wanted = {option["ResourceRecord"]["Name"].rstrip(".").lower() for option in options}
    zones = [zone for backend in every(route53_backends) for zone in list(backend.zones.values())]
    records = [record for zone in zones for record in list(zone.rrsets) if record.type == "CNAME"]
    if wanted <= {record.name.rstrip(".").lower() for record in records}:
        certificate.status = "ISSUED"
