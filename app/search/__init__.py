"""Finding whom to write to, and where: questions that need more than one look-up."""
