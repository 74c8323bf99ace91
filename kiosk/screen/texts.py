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
    "idle_lost": N_("Until it works: send people to another door"),
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
    "online": N_("Online"),
    "offline": N_("Offline"),
    "offline_since": N_("Offline since {time}"),
    "facts": N_("data {age} old"),
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
    "lost_reason": N_("No connection to the kiosk"),
    "lost_next": N_("It reconnects by itself. A kiosk that was started again has a new link."),
    # Of every state in which the door can't decide.
    "not_here": N_("Let no one in: send people to another door"),
    "resting": N_("CLOSED"),
    "admitted": N_("{n} admitted"),
    "denied": N_("{n} denied"),
    "resting_next": N_(
        "The shift has ended; a supervisor can resume it. Exits are still recorded."
    ),
    "rolling": N_("ROLL CALL"),
    "rolling_reason": N_("Scan everyone; let no one in"),
    "rolling_next": N_("Assembly point: {point}"),
    "second": N_("{n} s"),
    "minute": N_("{n} min"),
    "hour": N_("{n} h"),
    "day": N_("{n} d"),
    "help_admit": N_("Let in"),
    "help_look": N_("Check what the screen says, then let in. Wrong: stop, call a supervisor"),
    "help_same": N_("The person from before the restart: let in. Another: stop, call a supervisor"),
    "help_deny": N_("Stop. The screen shows why and what to do."),
    "help_elsewhere": N_("This door can't decide: send the person to another door"),
    "help_goodbye": N_("An exit was recorded; people may always leave"),
    "help_seen": N_("Roll call: this person was noted as seen"),
    "help_asking": N_("Wait for the answer, ten seconds at most"),
    "help_resting": N_("Closed: let no one in. Exits are still recorded."),
    "help_rolling": N_("Roll call: scan everyone, let no one in"),
    "help_keys": N_("F1 help · F2 language · F4 sound · F8 direction · F9 supervisor"),
    "help_scanner": N_("A hand scanner works at any time: just scan"),
    "by": N_("By {name}"),
    "camera_page": N_("Test the camera"),
    # Shown where the kiosk reports these fields, as phones do.
    "alone": N_("On this phone alone: {n}"),
    "halted": N_("NO NETWORK"),
    "halted_next": N_(
        "Without a network this phone admits no one. It continues by itself when it is online."
    ),
}

# A phone's page has these beside, and in place of, those above.
PHONE: Mapping[str, str] = {
    "idle_reason": N_("Point the camera at the code on the badge"),
    "asking_reason": N_("Waiting for the server"),
    "lost": N_("STOPPED"),
    "lost_reason": N_("This page does not respond"),
    "lost_next": N_("This page does not respond. Reload it."),
    "sound_waits": N_("Sound: tap the screen"),
    "sound_waits_why": N_("The browser keeps quiet until the screen is tapped"),
    "retired": N_(
        "This phone may no longer check badges. Let no one in: send people to another door."
    ),
    "help_halted": N_("No network: let no one in. It continues by itself."),
    "help_keys": N_("Hold the phone 15 to 30 cm from the badge; tilt it if the card shines"),
    # Before the door opens
    "start": N_("Start checking"),
    "start_why": N_("Starts the camera and the sound, and keeps the screen on"),
    "starting": N_("Starting"),
    "loading_why": N_("If this lasts longer than a minute, reload the page."),
    "starting_why": N_("The first start takes longest. Later it starts without a network, too."),
    "restarting_why": N_(
        "This page did not respond and starts again. Nothing that it has shown is lost."
    ),
    "try_again": N_("Try again"),
    "reload": N_("Reload"),
    "enrol_words": N_("Call an admin to compare these words"),
    "enrol_wait": N_(
        "An admin confirms this phone on the page Phones as doors. Leave this page open."
    ),
    # For each need: what to do, then why and how.
    "not_yet": N_("Let no one in yet"),
    "need_code": N_("Call an admin"),
    "need_code_next": N_(
        "For the admin: this phone is not a door, or its browser has deleted the data. Make a code"
        " on the page Phones as doors, and open it with this phone's camera app. Fence the old"
        " door, if any, on the page Kiosks."
    ),
    "need_other_tab": N_("This page is open in another tab"),
    "need_other_tab_next": N_("Close the other tab or window. Then this one starts by itself."),
    "need_engine": N_("This browser is too old"),
    "need_engine_next": N_("Update it, or use a current Chrome, Edge, Firefox or Safari."),
    "need_storage": N_("This browser keeps no data"),
    "need_storage_next": N_(
        "Leave the private window, or delete photos or apps to make room, then try again."
    ),
    "need_fenced": N_("Call an admin"),
    "need_fenced_next": N_(
        "For the admin: this phone may no longer check badges. It was withdrawn, or its data was"
        " copied. To use it again, open a new code for phones with it."
    ),
    "need_files": N_("This page is not complete"),
    "need_files_next": N_("Join the venue's network. The page tries again by itself."),
    "need_network": N_("The server can't be reached"),
    "need_network_next": N_("Join the venue's network, then try again."),
    "need_new_code": N_("Call an admin"),
    "need_new_code_next": N_(
        "For the admin: the code was not accepted. It is used up or too old, or belongs to another"
        " server. Make a new code on the page Phones as doors."
    ),
    "need_secure": N_("Call an admin"),
    "need_secure_next": N_(
        "For the admin: this address is not secure. Browsers give a camera only to pages with"
        " https and a certificate that the phone trusts."
    ),
    "need_reload": N_("This page has stopped"),
    "need_reload_next": N_("Nothing that it has shown is lost. Reload the page."),
    # The camera
    "camera_denied": N_(
        "The browser may not use the camera. Tap the sign beside the address, allow the camera,"
        " and reload."
    ),
    "camera_busy": N_("Another app uses the camera. Close that app, then restart the camera."),
    "camera_black": N_("picture black: is the lens covered?"),
    "camera_frozen": N_("picture frozen"),
    "camera_stopped": N_("The phone has stopped the camera. It is started again."),
    "dark": N_("Too dark for the camera: add light"),
    "unreadable": N_("A code is in view but cannot be read: hold it still, nearer, without glare"),
    "phone": N_("Camera and phone"),
    "camera_choice": N_("Camera"),
    "camera_back": N_("Camera at the back"),
    "camera_number": N_("Camera {n}"),
    "camera_off": N_("No camera: hand scanner only"),
    "camera_restart": N_("Restart the camera"),
    "torch": N_("Torch"),
    "zoom": N_("Zoom"),
    # The phone
    "promise_server": N_("Green: the server has recorded the scan."),
    "promise_phone": N_("Green: this phone has recorded the scan; the server gets it later."),
    "promise_none": N_(
        "Without a network this phone admits no one, because its browser may delete the data. Add"
        " this page to the home screen."
    ),
    "no_wake_lock": N_("This browser lets the screen sleep. Set the phone to keep it on."),
    "update_ready": N_("A new version starts as soon as no scan waits."),
    "version": N_("Version {version}"),
    "stored": N_("This phone can start the door without a network."),
    "storing": N_("Loading, so that the door can start without a network."),
    "install": N_("Install on this phone"),
    "scanner_stuck": N_("The hand scanner sends without a pause. Release its trigger."),
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
