"""A process that appends to the audit log until it is killed; it says when it has begun."""

from __future__ import annotations

import sys
from itertools import count

from paceline.domain.audit import AuditDraft
from paceline.store import audit
from paceline.store.database import Database

database = Database(sys.argv[1])
for number in count(1):
    draft = AuditDraft(
        actor=sys.argv[2],
        role="operator",
        method="POST",
        path="/x",
        request=str(number),
        status=200,
        body="0",
    )
    database.write_now(audit.append_audit, draft)
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
