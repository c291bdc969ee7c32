"""The whole story, played by scripted people against a running system, each step with its proof."""
