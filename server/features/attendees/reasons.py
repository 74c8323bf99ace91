from badges.i18n import N_

REVOKE_REASONS = {
    "withdrawn": N_("Registration withdrawn"),
    "conduct": N_("Conduct"),
    "mistake": N_("Registered by mistake"),
    "security": N_("Security"),
}
