// What this phone's page remembers for itself: choices of the person who holds it, nothing personal.

export function recall(name) {
  try { return localStorage.getItem(`hallkeeper-${name}`); } catch { return null; }
}

export function keep(name, value) {
  try { localStorage.setItem(`hallkeeper-${name}`, value); } catch { /* then only for now */ }
}
