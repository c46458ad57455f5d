"""The database: models and the few queries the product asks."""
