"""Wraps a body into one self-contained HTML document, and forbids it to ask anything of any other host.

The content security policy admits nothing but `data:` pictures and the document's own style sheet and
script (by their hashes), so that neither hostile metadata nor a picture can make a request.
"""

from __future__ import annotations

import base64
import hashlib

from fieldglass.report.markup import text

__all__ = ["document"]


def document(body: str, *, title: str, style: str, script: str = "", kind: str = "", reload: int = 0) -> str:
    """The whole page.

    :param body: markup in which everything is escaped already.
    :param title: plain text; it stands before the name of the tool.
    :param style: the one style sheet.
    :param script: the one script, run at the end of the body.
    :param kind: the class of the body, if it has one.
    :param reload: seconds after which the page reloads itself; 0: never.
    """
    scripts = f"script-src '{_digest(script)}'; " if script else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; {scripts}base-uri 'none'; form-action 'none'"
    )
    again = f'<meta http-equiv="refresh" content="{reload:d}">\n' if reload else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
{again}<title>{text(title)} · Fieldglass</title>
<style>{style}</style>
</head>
<body{f' class="{kind}"' if kind else ""}>
{body.strip()}
{f"<script>{script}</script>{chr(10)}" if script else ""}</body>
</html>
"""


def _digest(code: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
