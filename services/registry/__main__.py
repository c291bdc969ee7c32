"""`python -m services.registry serve | work`: this service alone."""

from services.running import main

main("registry")
