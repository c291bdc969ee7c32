"""`python -m services.planning serve | work`: this service alone."""

from services.compose import main

main("planning")
