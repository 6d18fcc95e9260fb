"""What happens to a session behind the page that has it: it ends, or its proof grows old."""

from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing

from orders.access.sessions import FRESH, FRESH_FOR_S

ASK_NO_MORE = """() => {
    window.fetch = () => new Promise(() => {});
    document.addEventListener("htmx:beforeRequest", (event) => {
        if (event.detail.elt.matches("[data-poll]")) event.preventDefault();
    }, true);
}"""
NOTHING_ASKED = "() => !document.querySelector('.htmx-request')"
SIGNED = {"salt": "django.contrib.sessions.SessionStore", "serializer": JSONSerializer}


def end_session(page, demo):
    """End it before a person's next act: the page, which would notice, asks nothing meanwhile."""
    page.evaluate(ASK_NO_MORE)
    page.wait_for_function(NOTHING_ASKED)
    end_session_unseen(page, demo)


def end_session_unseen(page, demo):
    """End it, as its hours being over would; the page may notice by itself."""
    demo.sql("DELETE FROM django_session WHERE session_key = ?", _key_of(page))


def age_session(page, demo):
    """Have the last proof of who it is given longer ago than acts allow."""
    key, about = _key_of(page), {"key": (demo.folder / "secret-key").read_text(), **SIGNED}
    ((kept,),) = demo.sql("SELECT session_data FROM django_session WHERE session_key = ?", key)
    session = signing.loads(kept, **about)
    session[FRESH] -= FRESH_FOR_S + 100
    aged = signing.dumps(session, compress=True, **about)
    demo.sql("UPDATE django_session SET session_data = ? WHERE session_key = ?", aged, key)


def _key_of(page):
    return next(one["value"] for one in page.context.cookies() if one["name"] == "sessionid")
