"""A person's own new password: the old one asked for is a guess like any other."""

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.datastructures import MultiValueDict

from orders.access import sign_in
from orders.access.sign_in_log import actor_of
from orders.admin.shared.unfold import AdminOwnPasswordChangeForm
from orders.audit import log
from orders.models import Event

MEANWHILE = "Your password was set anew, or you were deactivated, meanwhile: nothing is changed."


class NewPasswordForm(AdminOwnPasswordChangeForm):
    """Django's form, which says how long to wait after too many wrong guesses."""

    def __init__(
        self,
        user: User,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
        *,
        request: HttpRequest,
        initial: dict[str, Any] | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(user, data, files, initial=initial, prefix=prefix)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            if sign_in.is_own_password(request=self.request, password=password):
                return password
        except sign_in.Throttled as wait:
            raise ValidationError(str(wait)) from None
        raise ValidationError(self.error_messages["password_incorrect"])


class NewPassword(PasswordChangeView):
    """Django's page; that the password changed is a record."""

    form_class = NewPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Hashing takes long: it is done before anything is locked that senders wait for.

        The password alone is saved, and only in the place of the one that was given.
        """
        changed = {"password": ["(not shown)", "(not shown)"]}
        data = {"user": self.request.user.get_username(), "changed": changed}
        fact = log.Fact(Event.USER_CHANGED, actor_of(self.request), data=data)
        same = User.objects.filter(pk=form.user.pk, is_active=True, password=form.user.password)
        form.save(commit=False)
        with transaction.atomic():
            if not same.update(password=form.user.password):
                form.add_error("old_password", MEANWHILE)
                return self.form_invalid(form)
            update_session_auth_hash(self.request, form.user)
            log.append(fact)
        return redirect(self.get_success_url())
