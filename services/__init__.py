"""The five services of tuopin, and the command line that is a client of them."""
