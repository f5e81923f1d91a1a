// @ts-check
/** How long another tab may take to answer, in ms. */
const PATIENCE = 2000;

/** Finds out whether this browser is in the same room in another tab. Nothing of it leaves the browser. */
export class OtherTabs {
  #channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('greenroom.tabs');
  #room;

  /**
   * @param {string} room
   * @param {() => boolean} isIn whether this tab is in the room
   */
  constructor(room, isIn) {
    this.#room = room.toLowerCase();
    this.#channel?.addEventListener('message', ({ data }) => {
      if (data.ask === this.#room && isIn()) this.#channel?.postMessage({ answer: this.#room });
    });
  }

  /** Asks the others, and tells once if one of them is in the room.
   * @param {() => void} found */
  ask(found) {
    const channel = this.#channel;
    if (!channel) return;
    const hear = (/** @type {MessageEvent} */ { data }) => {
      if (data.answer !== this.#room) return;
      channel.removeEventListener('message', hear);
      found();
    };
    channel.addEventListener('message', hear);
    setTimeout(() => channel.removeEventListener('message', hear), PATIENCE);
    channel.postMessage({ ask: this.#room });
  }
}
