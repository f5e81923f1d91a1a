// @ts-check
import { PictureSize, uplinkOf } from './picture-size.js';
import { Publisher } from './publisher.js';
import { ScreenPublisher } from './screen-publisher.js';
import { Subscriber } from './subscriber.js';

/** @import {CameraRequest, ClientMessage, Kind, Limits, PublishAnswer, SubscribeOffer} from '../protocol/types.js' */
/** @import {Tracks} from './publisher.js' */
/** @import {Streams} from './subscriber.js' */
/** @import {StreamReport} from './stats.js' */

/** Between two looks at the uplink and at the camera's own size, in ms. */
const LOOK_INTERVAL = 2000;

/**
 * @typedef {object} ConnectionsOptions
 * @property {(message: ClientMessage) => void} send
 * @property {() => void} startOver told when only a new WebSocket can help
 * @property {(streams: Streams) => void} streams
 */

/** The peer connections of one stay, each of which is made anew when it is lost. */
export class Connections {
  #options;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {Limits | null} */
  #limits = null;
  /** @type {Tracks} */
  #tracks = { video: null, audio: null };
  /** Of the camera's picture. */
  size = new PictureSize();
  #looking = 0;
  /** @type {Publisher | null} */
  #publisher = null;
  /** @type {Subscriber | null} */
  #subscriber = null;
  /** @type {ScreenPublisher | null} */
  #screen = null;
  /** @type {MediaStream | null} */
  #shared = null;
  /** The connections that were made anew and have not come up since. */
  #restarted = new Set();
  #awaitsFresh = false;

  /** @param {ConnectionsOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Makes all of them, after a `joined`.
   *
   * @param {{iceServers: RTCIceServer[], limits: Limits, sharing: boolean}} terms
   * @param {Tracks} tracks
   */
  begin({ iceServers, limits, sharing }, tracks) {
    if (!sharing) this.unshare();
    this.#closeCameras();
    this.#iceServers = iceServers;
    this.#limits = limits;
    this.size.begin(limits.video);
    this.#tracks = tracks;
    this.#looking = window.setInterval(() => void this.#look(), LOOK_INTERVAL);
    this.#subscribe();
    this.#publish();
    this.#publishScreen();
  }

  /** @param {SubscribeOffer} message */
  offer(message) {
    if (this.#awaitsFresh && !message.fresh) return;
    if (message.fresh && this.#subscriber?.isUsed) this.#subscribe();
    this.#awaitsFresh = false;
    void this.#guard(this.#subscriber?.offer(message));
  }

  /** @param {PublishAnswer} message */
  answer(message) {
    void this.#guard((message.connection === 'screen' ? this.#screen : this.#publisher)?.answer(message));
  }

  /** Sends another track of one kind.
   * @param {Kind} kind
   * @param {Tracks} tracks */
  async replace(kind, tracks) {
    this.#tracks = { ...tracks };
    await this.#guard(this.#publisher?.replace(kind, tracks));
  }

  /** Sends no more of the camera than the server shows.
   * @param {CameraRequest} wanted */
  limit(wanted) {
    this.size.ask(wanted);
    void this.#publisher?.fit();
  }

  /** @param {boolean} saving whether the person wants to save data */
  save(saving) {
    this.size.save(saving);
    void this.#publisher?.fit();
  }

  /** @param {MediaStream} stream */
  share(stream) {
    this.#shared = stream;
    this.#publishScreen();
  }

  unshare() {
    this.#shared = null;
    this.#screen?.close();
    this.#screen = null;
  }

  /** Makes anew at once what would otherwise be waited for a little. */
  restartDown() {
    if (this.#publisher?.isDown) this.#lost('publish');
    if (this.#subscriber?.isDown) this.#lost('subscribe');
    if (this.#screen?.isDown) this.#lost('screen');
  }

  /** @returns {Promise<StreamReport[]>} */
  async stats() {
    const { reportsOf } = await import('./stats.js');
    const infos = this.#subscriber?.infos ?? [];
    const found = await Promise.all([
      this.#publisher?.getStats().then((stats) => reportsOf(stats, 'publish', [])),
      this.#screen?.getStats().then((stats) => reportsOf(stats, 'screen', [])),
      this.#subscriber?.getStats().then((stats) => reportsOf(stats, 'subscribe', infos)),
    ]);
    return found.flatMap((each) => each ?? []);
  }

  /** Closes all of them; a screen that was shared stays captured, to be offered again. */
  close() {
    this.#closeCameras();
    this.#screen?.close();
    this.#screen = null;
  }

  #closeCameras() {
    this.#publisher?.close();
    this.#subscriber?.close();
    this.#publisher = this.#subscriber = null;
    window.clearInterval(this.#looking);
    this.#restarted.clear();
    this.#awaitsFresh = false;
  }

  async #look() {
    const publisher = this.#publisher;
    const stats = await publisher?.getStats();
    if (stats) this.size.measure(uplinkOf(stats));
    await publisher?.fit();
  }

  #subscribe() {
    this.#subscriber?.close();
    this.#subscriber = new Subscriber(this.#peerOptions('subscribe'), this.#options.streams);
  }

  #publish() {
    if (!this.#limits) return;
    this.#publisher?.close();
    this.#publisher = new Publisher(this.#peerOptions('publish'), this.size, this.#tracks);
    void this.#guard(this.#publisher.offer());
  }

  #publishScreen() {
    if (!this.#shared || !this.#limits) return;
    const lost = () => {
      if (this.#screen === screen) this.#lost('screen');
    };
    const screen = new ScreenPublisher({ ...this.#peerOptions('screen'), lost }, this.#limits.screen, this.#shared, this.#screen);
    this.#screen = screen;
    void this.#guard(screen.offer());
  }

  /** The first loss is answered by a new connection of that kind, the next by a new everything.
   * @param {'publish' | 'subscribe' | 'screen'} connection */
  #lost(connection) {
    if (this.#restarted.has(connection)) return this.#options.startOver();
    this.#restarted.add(connection);
    if (connection === 'publish') return this.#publish();
    if (connection === 'screen') return this.#publishScreen();
    this.#awaitsFresh = true;
    this.#options.send({ type: 'restart', connection: 'subscribe' });
  }

  /** @param {'publish' | 'subscribe' | 'screen'} connection */
  #peerOptions(connection) {
    return {
      iceServers: this.#iceServers,
      send: this.#options.send,
      lost: () => this.#lost(connection),
      connected: () => void this.#restarted.delete(connection),
    };
  }

  /** A description or a track that the browser refuses leaves one way out: to start over.
   * @param {Promise<void> | undefined} step */
  async #guard(step) {
    const publisher = this.#publisher;
    await step?.catch(() => {
      if (this.#publisher && this.#publisher === publisher) this.#options.startOver();
    });
  }
}
