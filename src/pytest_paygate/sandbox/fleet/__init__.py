"""The reference fleet: what the microcharge gate accepts. Eight apps, A1 to A8, each on a port of its own.

A1 authenticates, A3, A6 and A8 are core, A5 sells credits, A8 collects events; the others answer their health. They
share one database, know the payment provider by HTTP only, and learn of payments by signed webhook only.
"""

from __future__ import annotations

from pytest_paygate.sandbox.fleet import faults as faults
