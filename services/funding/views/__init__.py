"""The answers of funding, one module per view."""

from chassis.views import View
from services.funding.views import accounts, payments, plans

VIEWS: tuple[View, ...] = (accounts.VIEW, payments.VIEW, plans.VIEW)
