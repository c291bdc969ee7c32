"""`python -m services.funding serve | work`: this service alone."""

from services.compose import main

main("funding")
