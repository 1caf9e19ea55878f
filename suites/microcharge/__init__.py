"""The e2e gate: one purchase on the marketplace, its licence, its refund."""
