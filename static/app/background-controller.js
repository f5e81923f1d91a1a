// @ts-check
import { BackgroundCatalog, asColor } from './background-catalog.js';
import { savePreferences } from './preferences.js';
import { text } from '../i18n/strings.js';
import { announce, notify, warn } from '../view/notices.js';
import { Picker } from '../view/picker.js';
import { CleanPlateButton } from '../view/clean-plate.js';
import { FollowField } from '../view/follow.js';

/** @import {RoomClient} from './room-client.js' */
/** @import {Background, BackgroundShown, FilterReport, Joined, Policy} from '../protocol/types.js' */

/** The person's choice of background, and the way of the server towards it. */
export class BackgroundController {
  #backgrounds;
  #picker;
  #changed;
  /** @type {RoomClient | null} */
  #client = null;
  /** The background that the server said it shows. */
  #shown = '';
  /** What was chosen before the policy forbade it: it comes back. */
  #kept = '';
  /** Whether one's token leaves less of a choice than the room. */
  #byToken = false;
  #applying = Promise.resolve();
  #plate = new CleanPlateButton((wanted) => this.#client?.setPlate(wanted));
  #follow = new FollowField((target) => this.#client?.send({ type: 'follow', target }));

  /**
   * @param {string} room
   * @param {string} wanted
   * @param {(background: Background) => void} changed told of every new choice
   */
  constructor(room, wanted, changed) {
    this.#changed = changed;
    this.#backgrounds = new BackgroundCatalog(room, wanted, () => this.#show());
    this.#picker = new Picker({
      pick: (id) => this.#pick(id), add: (file) => void this.#add(file), remove: (id) => void this.#remove(id),
    });
  }

  load() {
    return this.#backgrounds.load();
  }

  /** The id to name in a join message. */
  get joinId() {
    return this.#backgrounds.joinId;
  }

  /** Everything that a host can put on the list. */
  get everything() {
    return this.#backgrounds.everything;
  }

  /** @param {HTMLElement} place */
  moveTo(place) {
    this.#picker.moveTo(place);
    this.#show();
  }

  focus() {
    this.#picker.focus();
  }

  /**
   * @param {RoomClient} client
   * @param {Joined} joined
   */
  enter(client, joined) {
    this.#client = client;
    this.#plate.offer(true);
    this.#follow.begin(joined.followed);
    this.#shown = joined.background;
    this.#backgrounds.setLimit(joined.limits.uploadBytes);
    this.#byToken = isNarrower(client.state);
    this.#backgrounds.setPolicy(client.state.effective.backgrounds, client.state.isHost && !this.#byToken);
    this.#backgrounds.forgetUploads(joined.backgrounds);
    this.#backgrounds.setServed(joined.backgrounds);
    if (joined.redirected || !this.#backgrounds.allows(this.#backgrounds.wanted)) {
      const wasOwn = this.#backgrounds.knownId === null;
      if (this.#byToken) this.#backgrounds.revertTo(this.#shown); // as whoever invited has chosen
      else if (!wasOwn || !this.#backgrounds.allowsAnything) return this.reject(joined.redirected ?? 'background-forbidden');
    }
    this.#apply();
  }

  /** @param {Background[]} backgrounds what may be chosen from now on */
  offer(backgrounds) {
    this.#backgrounds.setServed(backgrounds);
  }

  /**
   * @param {{policy: Policy, effective: Policy}} told
   * @param {boolean} isHost
   */
  allow(told, isHost) {
    this.#byToken = isNarrower(told);
    this.#backgrounds.setPolicy(told.effective.backgrounds, isHost && !this.#byToken);
    this.#show();
  }

  /** @param {FilterReport} report */
  report({ plate, followed }) {
    this.#plate.show(plate);
    this.#follow.show(followed);
  }

  leave() {
    this.#client = null;
    this.#plate.offer(false);
    this.#follow.leave();
    this.#show();
  }

  /** The server shows this background from now on. With a reason it has chosen it itself.
   * @param {BackgroundShown} message */
  confirm({ background, reason }) {
    this.#shown = background;
    if (reason) {
      const before = this.#kept || this.#wanted.title;
      this.#backgrounds.revertTo(background);
      this.#kept = reason === 'policy' ? before : '';
      notify(text(`background.moved.${reason}`, { title: this.#wanted.title, before }));
    }
    this.#show();
    if (background === this.#backgrounds.knownId) announce(text('background.changed', { title: this.#wanted.title }));
  }

  /** The server does not show what was wanted.
   * @param {string} code of its error */
  reject(code) {
    this.#backgrounds.revertTo(this.#shown);
    warn(text(code === 'background-forbidden' ? 'background.forbidden' : 'background.unknown'));
    this.#show();
  }

  /** @param {string} id */
  #pick(id) {
    this.#backgrounds.wanted = id;
    this.#kept = '';
    savePreferences({ background: id });
    this.#show();
    this.#apply();
  }

  /** @param {File} file */
  async #add(file) {
    if (!this.#backgrounds.allowsUpload) return warn(text('background.forbidden'));
    try {
      await this.#backgrounds.add(file);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      return warn(text('background.unreadable'));
    }
    this.#pick(this.#backgrounds.wanted);
  }

  /** @param {string} id */
  async #remove(id) {
    const { wanted } = this.#backgrounds;
    const removed = this.#backgrounds.remove(id, this.#client?.seat ?? null);
    if (this.#backgrounds.wanted !== wanted) this.#pick(this.#backgrounds.wanted);
    await removed;
  }

  /** Brings the server to the background wanted; one change after the other. */
  #apply() {
    this.#applying = this.#applying.then(() => this.#applyNow());
  }

  async #applyNow() {
    const seat = this.#client?.seat;
    if (!seat) return;
    const { wanted } = this.#backgrounds;
    try {
      const id = await this.#backgrounds.serverId(seat);
      if (this.#backgrounds.wanted === wanted && id !== this.#shown) this.#client?.setBackground(id);
    } catch (error) {
      this.#backgrounds.revertTo(this.#shown);
      warn(error instanceof TypeError ? text('background.failed', { message: text('room.rejoining') }) : String(error instanceof Error ? error.message : error));
    }
    this.#show();
  }

  /** Why there is less to choose from. */
  get #why() {
    const kept = this.#kept ? ` ${text('background.policy.kept', { title: this.#kept })}` : '';
    return text(this.#byToken ? 'background.policy.token' : 'background.policy') + kept;
  }

  get #wanted() {
    const id = this.#backgrounds.wanted;
    return this.#backgrounds.find(id) ?? asColor(id);
  }

  #show() {
    const busy = this.#client?.seat != null && this.#shown !== this.#backgrounds.knownId;
    const { list, colors, wanted, allowsAnything, allowsUpload } = this.#backgrounds;
    this.#picker.show({ list, colors, anyColor: allowsAnything, upload: allowsUpload, policy: allowsAnything ? '' : this.#why }, wanted, busy);
    this.#changed(this.#wanted);
  }
}

/** Whether a token leaves less of a choice than the room.
 * @param {{policy: Policy, effective: Policy}} told */
function isNarrower({ policy, effective }) {
  return JSON.stringify(policy.backgrounds) !== JSON.stringify(effective.backgrounds);
}
