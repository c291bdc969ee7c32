"""A household's own page: small HTML without script, for minutes, behind a link from its chat."""
