"""The addresses of the pages between signing in and the desk, below the admin's own."""

from django.urls import path
from django.urls.resolvers import URLPattern

from orders.admin.sign_in import passkey_views, single_sign_on_views, views


def addresses() -> list[URLPattern]:
    """Return them all."""
    asked, enrol = "second-factor/", "second-factor/enrol/"
    options, enrol_options = passkey_views.passkey_options, passkey_views.enrol_passkey_options
    sign_on, entry = "single-sign-on/", "login/passkey/"
    return [
        path(asked, views.second_factor, name="second_factor"),
        path(f"{asked}passkey/", options, name="passkey_options"),
        path(enrol, views.enrol_second_factor, name="enrol_second_factor"),
        path(f"{enrol}passkey/", passkey_views.enrol_passkey, name="enrol_passkey"),
        path(f"{enrol}passkey/options/", enrol_options, name="enrol_passkey_options"),
        path(entry, passkey_views.enter, name="passkey_entry"),
        path(f"{entry}options/", passkey_views.entry_options, name="passkey_entry_options"),
        path(sign_on, single_sign_on_views.go, name="single_sign_on"),
        path(f"{sign_on}back/", single_sign_on_views.back, name="single_sign_on_back"),
        path("confirm-yourself/", views.confirm_yourself, name="confirm_yourself"),
    ]
