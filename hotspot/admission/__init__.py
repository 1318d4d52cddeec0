"""Whom a plan lets in, for how long, and what a session has used: plan, grant, ticket, session, allowance. Pure."""
