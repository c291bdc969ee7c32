"""`python -m services.notifier serve | work | bot`: this service alone."""

from services.running import main

main("notifier")
