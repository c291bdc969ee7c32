"""`python -m services.registry serve | work`: this service alone."""

from services.compose import main

main("registry")
