"""The form that takes a list of order ids of one account, pasted or as a file."""

import codecs
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from orders.admin.shared import fields
from orders.cancels.bulk.from_list import BadLine
from orders.models import Account, Right

if TYPE_CHECKING:
    from orders.models.desks import Person


MIB = 1024 * 1024
MAX_PASTED = 3 * MIB  # with the rest of the form within a body of 4
PASTED_TOO_LARGE = f"A pasted list has at most {MAX_PASTED // MIB} MiB: choose it as a file."
TOO_LARGE = "The list is larger than {} MiB: cut it into several."
NOT_TEXT = "That file is not plain text: save the list as CSV or text, in UTF-8."
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ListForm(forms.Form):
    """An account, a symbol for lines that name none, and the list itself."""

    account = fields.OneAccount(
        widget=fields.select(),
        error_messages={
            "required": "Choose the account that owns the orders.",
            "invalid_choice": "There is no such account among your desks' accounts.",
        },
    )
    symbol = forms.CharField(
        required=False,
        max_length=64,
        widget=fields.text(placeholder="BTC"),
        help_text="For orders this app does not know and lines that name no symbol.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Order ids, one a line",
        widget=fields.area(
            placeholder="28000000042\n28000000043,ETH\nf47ac10b-58cc-4372-a567-0e02b2c3d479,kBONK,stop"
        ),
        help_text=(
            "Order id or client order id; then, if you like, symbol and kind (order, stop, twap), "
            "with commas, semicolons or tabs between. Or a first line names the columns, as in the "
            "download of a job; a column may name another account of the desk. Empty lines and "
            "what stands behind a # are skipped."
        ),
    )
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="or a file",
        widget=forms.FileInput({"class": "dk-input", "accept": ".csv,.txt,text/csv,text/plain"}),
        help_text="CSV or plain text, such as the download of a job of 50,000 orders.",
    )

    bad: list[BadLine]  # lines that could not be read, once `from_list` was asked

    def __init__(
        self,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
        *,
        user: "Person",
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial=initial)
        accounts = Account.objects.allowing(user, Right.CANCEL)
        fields.field_of(self, "account", fields.OneAccount).offer(accounts)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if len(text.encode("utf-8", "replace")) > MAX_PASTED:
            raise forms.ValidationError(PASTED_TOO_LARGE)
        return text

    def clean_file(self) -> str:
        """The file's text, or nothing where none was chosen."""
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size > settings.MAX_LIST:
            raise forms.ValidationError(TOO_LARGE.format(settings.MAX_LIST // MIB))
        text = _decoded(file.read())
        if any(character < " " and character not in "\r\n\t" for character in text):
            raise forms.ValidationError(NOT_TEXT)
        if not text.strip():
            raise forms.ValidationError("The file is empty.")
        return text

    def clean(self) -> None:
        text, file = self.cleaned_data.get("text"), self.cleaned_data.get("file")
        if text and text.strip() and file:
            self.add_error("file", "Paste the list or choose a file: one of them.")
        elif not (text and text.strip()) and not file and not self.errors:
            self.add_error("text", "Paste the order ids, or choose a file that holds them.")

    @property
    def given(self) -> str:
        """The list, however it was given."""
        text: str = self.cleaned_data["file"] or self.cleaned_data["text"]
        return text


def _decoded(content: bytes) -> str:
    """The file's text; a byte that is none stays visible as such, in its line."""
    encoding = "utf-16" if content.startswith(UTF_16) else "utf-8-sig"  # spreadsheets write both
    return content.decode(encoding, "replace")
