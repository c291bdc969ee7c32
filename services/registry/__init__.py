"""Who is in the programme: regions, households, people, exit."""
