// @ts-check
import { loadPreferences, savePreferences } from '../app/preferences.js';

/** The length of one note, and how much of full volume it has. */
const NOTE = 0.16; // s
const VOLUME = 0.12;

let chosen = loadPreferences().speaker;

/** Whether this browser lets one choose where sound comes from. */
export const canChooseLoudspeaker = 'setSinkId' in HTMLMediaElement.prototype;

/** Has an element sound where the person wants it; a loudspeaker that is gone leaves the browser's choice.
 * @param {HTMLMediaElement} element */
export function soundThere(element) {
  if (canChooseLoudspeaker) element.setSinkId(chosen).catch(() => {});
}

/** The loudspeaker that is wanted, or '' for the browser's choice. */
export function chosenLoudspeaker() {
  return chosen;
}

/** Has everything sound from another loudspeaker, and remembers it.
 * @param {string} id of a device, or '' for the browser's choice */
export function chooseLoudspeaker(id) {
  chosen = id;
  savePreferences({ speaker: id });
  for (const element of document.querySelectorAll('audio')) soundThere(element);
}

/** Plays notes, one after the other, from the chosen loudspeaker.
 * @param {number[]} frequencies in Hz */
export async function playNotes(frequencies) {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  frequencies.forEach((frequency, index) => {
    const [note, gain, start] = [context.createOscillator(), context.createGain(), context.currentTime + index * NOTE];
    note.frequency.value = frequency;
    gain.gain.setValueAtTime(VOLUME, start);
    gain.gain.exponentialRampToValueAtTime(0.001, start + NOTE);
    note.connect(gain).connect(out);
    note.start(start);
    note.stop(start + NOTE);
  });
  const player = new Audio();
  player.srcObject = out.stream;
  soundThere(player);
  await player.play().catch(() => {}); // no click yet, or no loudspeaker
  setTimeout(() => {
    player.srcObject = null;
    void context.close();
  }, (frequencies.length + 1) * NOTE * 1000);
}
