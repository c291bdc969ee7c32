"""`python -m services.planning serve | work`: this service alone."""

from services.running import main

main("planning")
