"""The page's own texts, in English. Answers have their own texts.

`N_` marks the page's texts for the catalogues. Scripts look them up by key, and replace fields in
braces.
"""

from collections.abc import Mapping

from badges.i18n import N_

WORDS: Mapping[str, str] = {
    "idle": N_("Show your badge"),
    "idle_reason": N_("Hold the code up to the camera"),
    "idle_no_camera": N_("Scan the code with the hand scanner"),
    "now": N_("Now"),
    "next": N_("Next"),
    "programme": N_("Programme of this hall"),
    "hosted_by": N_("Hosted by {names}"),
    "more_speakers": N_("and {n} more"),
    "role_keynote": N_("keynote"),
    "role_moderator": N_("moderator"),
    "role_panellist": N_("panellist"),
    "role_name": N_("{name} ({role})"),
    "speaks_keynote": N_("Keynote speaker, {time} here"),
    "speaks_speaker": N_("Speaker, {time} here"),
    "speaks_moderator": N_("Moderator, {time} here"),
    "speaks_panellist": N_("Panellist, {time} here"),
    "asking": N_("One moment"),
    "asking_reason": N_("Asking the other doors for a place"),
    "asking_server": N_("Waiting for the server, which knows the free places"),
    "asking_next": N_("The answer comes within ten seconds"),
    "entry": N_("ENTRY"),
    "exit": N_("EXIT"),
    "turn_to_entry": N_("Direction: exit. Change to entry (F8)"),
    "turn_to_exit": N_("Direction: entry. Change to exit (F8)"),
    "sound_on": N_("Sound on"),
    "sound_off": N_("Sound off"),
    "sound_waits": N_("Sound: press a key"),
    "sound_waits_why": N_("The browser keeps quiet until a key or click"),
    "help": N_("Help"),
    "close": N_("Close"),
    "back": N_("Back"),
    "last_scans": N_("Last scans"),
    "no_scans": N_("No scans yet"),
    "badge": N_("Badge {n}"),
    "no_badge": N_("Not a badge"),
    "online": N_("Online"),
    "offline": N_("Offline"),
    "offline_since": N_("Offline since {time}"),
    "facts": N_("revocations {age} old"),
    "no_facts": N_("no data yet"),
    "waiting_none": N_("No scans waiting"),
    "camera_none": N_("Hand scanner only"),
    "camera_starting": N_("Camera starting"),
    "camera_live": N_("Camera works"),
    "camera_lost": N_("Camera lost"),
    "camera_ended": N_("Video ended"),
    "state_words": N_("{state}: {message}"),
    "relay_works": N_("Relay works"),
    "relay_failed": N_("Relay did not work"),
    "relay_off": N_("Relay off: not used yet"),
    "ahead": N_("Clock {n} s ahead of the server"),
    "behind": N_("Clock {n} s behind the server"),
    "battery": N_("Battery {n} %"),
    "scanner_repaired": N_("Hand scanner: wrong keyboard layout, corrected"),
    "scanner_wrong": N_(
        "The scanner's keyboard layout is wrong: set scanner and computer to English (US)."
        " The badge was not checked."
    ),
    "retired": N_("This kiosk is retired and admits no one. Use another door."),
    "refused": N_("Tell an admin: {why}"),
    "not_taken": N_("That scan was not accepted. Scan again."),
    "not_turned": N_("The direction was not changed. Try again."),
    "lost": N_("NO KIOSK"),
    "lost_reason": N_("The screen lost its connection to the kiosk"),
    "lost_next": N_("Admit no one by this screen. It reconnects by itself."),
    "resting": N_("CLOSED"),
    "resting_reason": N_("The shift at this door has ended; exits are still recorded"),
    "admitted": N_("{n} admitted"),
    "denied": N_("{n} denied"),
    "resting_next": N_("A supervisor can resume it"),
    "rolling": N_("ROLL CALL"),
    "rolling_reason": N_("Assembly point {point}: scan every badge"),
    "rolling_next": N_("It admits no one"),
    "second": N_("{n} s"),
    "minute": N_("{n} min"),
    "hour": N_("{n} h"),
    "day": N_("{n} d"),
    "help_admit": N_("Let in"),
    "help_look": N_("Let in, and read what to notice"),
    "help_deny": N_("Do not admit. The screen shows why and what to do."),
    "help_goodbye": N_("An exit was recorded; people may always leave"),
    "help_seen": N_("Roll call: this person was noted as seen"),
    "help_keys": N_("F1 help · F2 language · F4 sound · F8 direction · F9 supervisor"),
    "help_scanner": N_("A hand scanner works at any time; no field needs to be chosen"),
    "by": N_("By {name}"),
    "camera_page": N_("Test the camera"),
}

# Texts with a count `n`: singular and plural. `N_` marks the singular, as gettext does.
COUNTED: Mapping[str, tuple[str, str]] = {
    "places_here": (N_("place left at this door"), "places left at this door"),
    "places_here_of": (
        N_("place left at this door in {hall}"),
        "places left at this door in {hall}",
    ),
    "places_hall": (N_("place left in the hall"), "places left in the hall"),
    "places_hall_of": (N_("place left in {hall}"), "places left in {hall}"),
    "places_elsewhere": (N_("place left, at another door"), "places left, at other doors"),
    "waiting": (N_("{n} scan waiting"), "{n} scans waiting"),
    "exits": (N_("{n} exit"), "{n} exits"),
    "overrides": (N_("{n} override"), "{n} overrides"),
    "seen": (N_("{n} scan here"), "{n} scans here"),
    "limit_left": (
        N_("The hall may take {n} more person up to the legal limit"),
        "The hall may take {n} more people up to the legal limit",
    ),
    "limit_here": (
        N_("This door may admit {n} more person within the legal limit"),
        "This door may admit {n} more people within the legal limit",
    ),
}

# The supervisor's panel. Refusals and reasons have their own texts.
SUPERVISOR: Mapping[str, str] = {
    "supervisor": N_("Supervisor"),
    "no_supervisors": N_("No supervisor has a PIN yet. An admin sets PINs on the server."),
    "who": N_("Who are you?"),
    "pin_of": N_("PIN of {name}"),
    "digit_back": N_("Delete the last digit"),
    "unlock": N_("Unlock"),
    "pin_waits": N_("Too many wrong PINs. Try again in {time}."),
    "locks_in": N_("locks in {time}"),
    "lock": N_("Lock"),
    "override": N_("Override: admit anyway"),
    "override_short": N_("Supervisor: admit…"),
    "override_none": N_("No denial in the last minute"),
    "override_why": N_("Why is {who} admitted?"),
    "override_do": N_("Admit"),
    "override_what": N_(
        "Admits this one person, even into a full hall, but never above the legal limit. Your "
        "name and the reason are recorded."
    ),
    "annul": N_("Annul the last admission"),
    "annul_none": N_("No admission here in the last 15 minutes"),
    "annul_why": N_("Why is the admission of {who} annulled?"),
    "annul_do": N_("Annul"),
    "note": N_("Reason (no names; it stays in the log for ever)"),
    "overtaken": N_("Another scan came in between. Choose again."),
    "time_left": N_("{time} left"),
    "find": N_("Find a person by name"),
    "find_hint": N_("Name, organisation: at least two letters"),
    "find_do": N_("Find"),
    "find_none": N_("No one found"),
    "find_more": N_("More people match: enter more of the name"),
    "find_confirm": N_("Admit this person without a badge?"),
    "door": N_("Door and direction"),
    "doors": N_("This kiosk is at"),
    "door_here": N_("here now"),
    "door_do": N_("Change door"),
    "direction_now": N_("Direction"),
    "end_shift": N_("End the shift"),
    "end_shift_ask": N_(
        "This door admits no one until the shift is resumed. Its places go back to the hall."
    ),
    "end_shift_do": N_("End the shift now"),
    "resume": N_("Resume the shift"),
    "roll_call": N_("Roll call at an assembly point"),
    "roll_call_ask": N_(
        "Every scanned badge is noted as seen, with or without the network. This door "
        "admits no one until the shift is resumed."
    ),
    "roll_call_point": N_("Which assembly point? As on its sign"),
    "roll_call_do": N_("Begin the roll call"),
    "roll_call_end": N_("End the roll call"),
    "not_done": N_("The kiosk did not answer. Try again."),
    "keyboard": N_("Letters on the screen"),
    "key_space": N_("Space"),
    "key_back": N_("Delete"),
    "somebody": N_("a person without a badge"),
}

# For browsers that open the page without its link.
CLOSED = {
    "closed": N_(
        "This screen opens by its own link, once for each browser. The user who runs the kiosk"
        " finds the newest one with: hallkeeper-kiosk link"
    ),
}
