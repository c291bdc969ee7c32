"""`python -m services.training serve | work`: this service alone."""

from services.running import main

main("training")
