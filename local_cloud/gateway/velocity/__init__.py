"""The Velocity Template Language as API Gateway evaluates it in mapping templates.

A template sees plain data (text, numbers, booleans, lists, dictionaries) and the host objects that its caller passes.
It reaches no other member of a Python object. Differences between API Gateway and Apache Velocity 1.7 that are known
are implemented: a reference without a value is an empty text, in conditions too, and a loop ends after 1,000 rounds.
"""

from __future__ import annotations

from local_cloud.gateway.velocity.evaluation import Template, compile_template
from local_cloud.gateway.velocity.values import HostObject, JsonList, VelocityError, to_text

__all__ = ["HostObject", "JsonList", "Template", "VelocityError", "compile_template", "to_text"]
