// @ts-check
import { soundThere } from './loudspeaker.js';

/** How long is recorded, in ms. */
const LENGTH = 3000;

/**
 * Records a little and plays it back. It stays in this tab.
 *
 * @param {MediaStreamTrack} track
 * @param {(step: 'recording' | 'playing' | 'done') => void} show
 */
export async function testMicrophone(track, show) {
  const live = track.clone();
  live.enabled = true; // one may try before unmuting
  const recorder = new MediaRecorder(new MediaStream([live]));
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  show('recording');
  setTimeout(() => recorder.stop(), LENGTH);
  await stopped;
  live.stop();
  show('playing');
  const url = URL.createObjectURL(new Blob(parts, { type: recorder.mimeType }));
  const player = new Audio(url);
  soundThere(player);
  const ended = new Promise((resolve) => { player.onended = player.onerror = resolve; });
  await player.play().catch(() => {}); // without a sound device there is nothing to hear
  if (!player.error && !player.paused) await ended;
  URL.revokeObjectURL(url);
  show('done');
}
