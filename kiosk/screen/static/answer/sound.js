// Makes sounds from tones, and moves a device that can vibrate. Each answer has a pitch and a rhythm
// of its own.

// [frequency in Hz, start in s, length in s]
const TUNES = {
  admit: { wave: "sine", loud: 0.4, notes: [[880, 0, 0.09], [1319, 0.09, 0.16]] },
  look: { wave: "triangle", loud: 0.5, notes: [[740, 0, 0.1], [988, 0.13, 0.1], [740, 0.26, 0.1], [988, 0.39, 0.14]] },
  deny: { wave: "square", loud: 0.25, notes: [[185, 0, 0.2], [139, 0.24, 0.34]] },
  seen: { wave: "sine", loud: 0.35, notes: [[784, 0, 0.12]] },
  goodbye: { wave: "sine", loud: 0.3, notes: [[659, 0, 0.09], [494, 0.09, 0.14]] },
};
// Tones that sound like another.
const LIKE = { same: "look", elsewhere: "deny" };

// How long it vibrates, rests, vibrates …, in ms.
const PULSES = { admit: [90], look: [70, 70, 70, 70, 70], deny: [350, 120, 350], seen: [60], goodbye: [60, 60, 60] };

let context = null;
let wanted = true;

export function turnSound(on) {
  wanted = on;
}

// Browsers make no sound until somebody has touched the page. A hand scanner's keys count as that.
export function wakeSound() {
  if (!wanted || typeof AudioContext === "undefined") return;
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

export function soundWaits() {
  return wanted && (context === null || context.state !== "running");
}

export function play(answer) {
  const tone = LIKE[answer] ?? answer;
  // Browsers do not vibrate before the page was touched, and complain if asked to.
  if (PULSES[tone] && navigator.userActivation?.hasBeenActive) navigator.vibrate?.(PULSES[tone]);
  const tune = TUNES[tone];
  if (!wanted || !tune || context?.state !== "running") return;
  for (const [frequency, start, length] of tune.notes) {
    playNote(tune, frequency, context.currentTime + start, length);
  }
}

function playNote(tune, frequency, from, length) {
  const source = context.createOscillator();
  const level = context.createGain();
  source.type = tune.wave;
  source.frequency.value = frequency;
  // The tone rises and falls for a moment, because an abrupt edge makes a click.
  level.gain.setValueAtTime(0, from);
  level.gain.linearRampToValueAtTime(tune.loud, from + 0.008);
  level.gain.setValueAtTime(tune.loud, from + length - 0.02);
  level.gain.linearRampToValueAtTime(0, from + length);
  source.connect(level).connect(context.destination);
  source.start(from);
  source.stop(from + length);
}
