"""The Stripe emulator: one API version, its own money ledger, no card data kept.

Owns schema `stripe` of the provider database. Must not share code with the gate's own provider adapters: it is the
second witness, and answers from its own state only.
"""
