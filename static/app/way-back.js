// @ts-check
/**
 * @typedef {object} WayBackEvents
 * @property {() => void} retry the server may be reached again: to be tried now rather than later
 * @property {() => void} online
 * @property {() => void} offline
 */

/** How often it is looked whether the machine slept, in ms. */
const TICK = 1000;
/** A gap this long between two looks means that it did, in ms: browsers let the ticks of a hidden page come a second late. */
const SLEPT = 5000;

/** Tells when the network comes and goes, the machine wakes up, or the page is looked at again.
 * @param {WayBackEvents} events */
export function watchWayBack({ retry, online, offline }) {
  let tick = Date.now();
  setInterval(() => {
    if (Date.now() - tick > SLEPT) retry();
    tick = Date.now();
  }, TICK);
  window.addEventListener('online', () => {
    retry();
    online();
  });
  window.addEventListener('offline', offline);
  Reflect.get(navigator, 'connection')?.addEventListener?.('change', retry);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) retry();
  });
}
