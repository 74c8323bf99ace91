"""Second factors, invitations, the sign-on by an identity provider, and who may open what."""
