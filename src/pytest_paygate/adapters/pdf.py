"""The session report as a tagged PDF, the run's record attached. The one module that knows WeasyPrint (extra `pdf`).

PDF/A-3u: the form made for archives, which may carry the record along.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

from pytest_paygate.core.errors import NOTHING_MOVED, ConfigurationError, Refusal

VARIANT = "pdf/a-3u"
RECORD = "evidence.json"


def as_pdf(page: str, record: str, started_at: str) -> bytes:
    """The page as PDF.

    Args:
        page: the report as HTML, self-contained.
        record: the run's JSON record, attached as `evidence.json`.
        started_at: when the run began (ISO 8601): the document's own date, so that it names no other.

    Raises:
        ConfigurationError: when WeasyPrint or the libraries it draws with are not installed.
    """
    try:
        from weasyprint import HTML, Attachment  # heavy: on use only
    except (ImportError, OSError) as error:
        raise _lacking(error) from None
    when = datetime.fromisoformat(started_at).astimezone(UTC)
    attached = Attachment(
        string=record,
        name=RECORD,
        description="The record of this run",
        created=when,
        modified=when,
        relationship="Data",
    )
    # Nothing is fetched: the page is whole, and a link of a hostile text must not become a request.
    document = HTML(string=page, base_url=None, url_fetcher=_refuse)
    with warnings.catch_warnings():
        # WeasyPrint leaves the file of its colour profile to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        pdf: bytes = document.write_pdf(attachments=[attached], pdf_variant=VARIANT, pdf_tags=True)
    return pdf


def version() -> str:
    """Which WeasyPrint draws here.

    Raises:
        ConfigurationError: when it, or the libraries it draws with, are not installed.
    """
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        raise _lacking(error) from None
    return str(weasyprint.__version__)


def _lacking(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        Refusal(
            refused="the report cannot be made into a PDF here",
            expected="the extra `pdf` and the Pango library it draws with",
            observed=str(error).splitlines()[0][:120],
            money=NOTHING_MOVED,
            next_step="pip install 'pytest-paygate[pdf]', and apt-get install libpango-1.0-0 libpangoft2-1.0-0.",
        )
    )


def _refuse(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a report fetches nothing: {url[:80]}")
