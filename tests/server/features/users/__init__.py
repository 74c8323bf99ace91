"""Second factors, invitations, sign-on by an identity provider, and access by role."""
