"""`python -m services.training serve | work`: this service alone."""

from services.compose import main

main("training")
