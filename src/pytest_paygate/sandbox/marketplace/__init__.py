"""The reference marketplace: what the e2e gate accepts. Products, orders, licences, seller transfers, refunds.

It knows the payment provider by HTTP only, as a real shop would, and learns of payments by signed webhook only.
"""
