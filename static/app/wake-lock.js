// @ts-check
/** Keeps the screen on while a meeting runs, where the browser can. */
export class WakeLock {
  /** @type {WakeLockSentinel | null} */
  #sentinel = null;
  #wanted = false;

  constructor() {
    // The browser drops the lock of a hidden page.
    document.addEventListener('visibilitychange', () => void this.#request());
  }

  hold() {
    this.#wanted = true;
    void this.#request();
  }

  release() {
    this.#wanted = false;
    void this.#sentinel?.release();
    this.#sentinel = null;
  }

  async #request() {
    if (!this.#wanted || document.hidden || !('wakeLock' in navigator)) return;
    try {
      this.#sentinel = await navigator.wakeLock.request('screen');
      if (!this.#wanted) this.release();
    } catch {
      this.#sentinel = null; // low battery, or not allowed
    }
  }
}
