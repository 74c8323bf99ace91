// The free places, as one number.

import { nameIn, say } from "./words.js";

// Returns the one number of free places, and its words: online the places of the whole hall, which
// this door can ask for, and offline those that the door itself holds. The fewest places may be those
// of a hall around this one, which is then named.
export function places(status) {
  const here = nameIn(status.free_names);
  if (!status.online || status.hall_left == null) {
    const n = status.free_places;
    return { n, words: say(here ? "places_here_of" : "places_here", { n, hall: here }) };
  }
  const hall = nameIn(status.left_names);
  // The door's own places count even if the server's last report is older.
  const n = Math.max(status.hall_left, hall === here ? status.free_places : 0);
  if (hall) return { n, words: say("places_hall_of", { n, hall }) };
  return { n, words: say(n > 0 && status.free_places < 1 ? "places_elsewhere" : "places_hall", { n }) };
}

export function placesWords(status) {
  const { n, words } = places(status);
  return `${n} ${words}`;
}
