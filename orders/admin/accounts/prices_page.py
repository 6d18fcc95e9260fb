"""The page of an account's open orders by price, from where a range goes into a scope."""

from django.http import HttpRequest
from django.template.response import TemplateResponse

from orders.access import permissions
from orders.admin.pictures import depth
from orders.admin.shared import freshness
from orders.admin.shared.screens import Screen
from orders.models import Account, Right
from orders.templatetags.desk import visible


def view(screen: Screen[Account], request: HttpRequest, account: Account) -> TemplateResponse:
    """The picture of one symbol, the first where none of the account's is asked for."""
    symbols = depth.symbols_of(account)
    asked = request.GET.get("symbol", "")
    symbol = asked if asked in symbols else next(iter(symbols), "")
    may_scope = permissions.has_permission(request.user, Right.CANCEL_SCOPE, desk=account.desk)
    return screen.page(
        request,
        "desk/accounts/prices.html",
        title=f"{visible(account.name)}, by price",
        account=account,
        symbols=symbols,
        symbol=symbol,
        chart=depth.of_symbol(account, symbol, may_scope=may_scope),
        may_scope=may_scope,
        book=freshness.book_of(Account.objects.filter(pk=account.pk)),
    )
