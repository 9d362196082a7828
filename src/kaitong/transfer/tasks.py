"""What the job queue calls. Arguments are identifiers only: never data."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from procrastinate.contrib.django import app

from kaitong.transfer import jobs


@app.task(queue=jobs.QUEUE, name="transfer.run")
def run(job_id: str) -> None:
    """Carry out one long job."""
    try:
        jobs.run(UUID(job_id))
    finally:
        connection.close()
