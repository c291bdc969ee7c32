"""`python -m services.funding serve | work`: this service alone."""

from services.running import main

main("funding")
