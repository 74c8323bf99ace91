from badges.i18n import N_
from server.features.users import account, sign_in
from server.features.users import pages as users
from server.features.users.accounts import factors, invitations, sign_on
from server.features.users.steps import steps
from server.web.feature import RECORDS, Feature, Menu

FEATURE = Feature(
    steps=steps,
    pages=(
        users.blueprint,
        sign_in.blueprint,
        account.blueprint,
        factors.blueprint,
        invitations.blueprint,
        sign_on.blueprint,
    ),
    menu=(
        Menu(
            75, "admin.users.show", N_("Users"), RECORDS, N_("roles, PINs, invitations, passwords")
        ),
    ),
    sections={"admin.invitations": "admin.users"},
)
