"""The answers of training, one module per view."""

from chassis.views import View
from services.training.views import cadre_record

VIEWS: tuple[View, ...] = (cadre_record.VIEW,)
