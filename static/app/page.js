// @ts-check
import { BackgroundChoice } from './background-controller.js';
import { Conference } from './room-client.js';
import { showInTab } from './favicon.js';
import { Meeting } from './room-controller.js';
import { loadPreferences, loadSecrets, savePreferences, saveSecret } from './preferences.js';
import { Self } from '../devices/local-media.js';
import { isKey, text } from '../i18n/strings.js';
import { showSwitches } from '../view/device-fields.js';
import { onAction } from '../view/dom.js';
import { offerReceipt, showLeft } from '../view/left.js';
import { Lobby } from '../view/lobby.js';
import { announce, notify, warn } from '../view/notices.js';
import { WakeLock } from './wake-lock.js';

/** @import {Phase} from './room-client.js' */
/** @import {Joined, Kind, ServerError, ServerMessage} from '../protocol/types.js' */
/** @import {Streams} from '../rtc/subscriber.js' */

/** A gap this long between two ticks of a second means that the machine slept, in ms. */
const SLEPT = 5000;

/** One room in one tab: from the lobby into the meeting and out again. */
export class Session {
  #room;
  #preferences = loadPreferences();
  #self;
  #backgrounds;
  #lobby;
  #meeting;
  /** @type {Conference | null} */
  #conference = null;
  #wakeLock = new WakeLock();
  #secrets;

  /** @param {string} room */
  constructor(room) {
    const { name, background } = this.#preferences;
    this.#room = room;
    this.#secrets = loadSecrets(room);
    this.#self = new Self((kind) => this.#showDevices(kind));
    this.#lobby = new Lobby(name, { join: (typed) => this.#enter(typed), cancel: () => this.#cancel() });
    this.#backgrounds = new BackgroundChoice(room, background, (chosen) => this.#lobby.showBackground(chosen));
    this.#meeting = new Meeting(room, this.#self, this.#backgrounds);
    onAction('microphone', () => void this.#toggle('audio'));
    onAction('camera', () => void this.#toggle('video'));
    onAction('leave', () => this.#conference?.leave());
  }

  /** Shows the lobby, opens the devices, and sends their picture to the server and back. */
  async start() {
    for (const place of document.querySelectorAll('.room-name')) place.textContent = this.#room;
    this.#watchPage();
    this.#showLobby();
    this.#lobby.focus();
    const loaded = this.#backgrounds.load();
    const opened = this.#self.devices.open();
    await loaded;
    this.#connect();
    await opened;
  }

  #showLobby() {
    document.body.dataset.state = 'lobby';
    showInTab('idle', this.#room, 0);
    this.#backgrounds.moveTo(this.#lobby.backgrounds);
    this.#self.moveTo(this.#lobby.devices);
  }

  #connect() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const conference = new Conference({
      url: `${scheme}//${location.host}/ws`,
      room: this.#room,
      name: this.#preferences.name || text('lobby.somebody'),
      background: this.#backgrounds.joinId,
      hostToken: this.#secrets.host,
      token: this.#secrets.token,
    }, {
      phase: (phase, error) => this.#showPhase(phase, error),
      joined: (joined) => this.#join(conference, joined),
      unreachable: () => this.#lobby.say(text(navigator.onLine ? 'lobby.unreachable' : 'lobby.offline')),
      told: (message, before) => {
        if (!this.#hear(message)) this.#meeting.hear(conference, message, before);
      },
      changed: () => this.#meeting.refresh(conference),
      streams: (streams) => this.#attach(conference, streams),
    });
    this.#conference = conference;
    conference.start(this.#self.tracks, this.#self.media);
  }

  /**
   * @param {Conference} conference
   * @param {Joined} joined
   */
  #join(conference, joined) {
    this.#lobby.say('');
    this.#lobby.showPresent(joined.state === 'lobby' ? joined.present : null);
    void this.#self.devices.setLimits(joined.limits.video);
    this.#backgrounds.enter(conference, joined);
    this.#meeting.prepare(conference, joined);
  }

  /** @param {string} name */
  #enter(name) {
    this.#preferences.name = name;
    savePreferences({ name });
    this.#lobby.setJoining('joining');
    if (!this.#conference) this.#connect();
    this.#conference?.enter(name);
  }

  /** Asks no more to be let in; the lobby stays. */
  #cancel() {
    this.#conference?.leave();
    this.#connect();
  }

  /** What the lobby and the room have in common.
   * @param {ServerMessage} message */
  #hear(message) {
    switch (message.type) {
      case 'background': this.#backgrounds.confirm(message); return true;
      case 'filter': this.#backgrounds.report(message); return false;
      case 'receipt': offerReceipt(message.receipt); return true;
      case 'backgrounds': this.#backgrounds.offer(message.backgrounds); return true;
      case 'policy': this.#backgrounds.allow(message.policy, this.#conference?.state.isHost ?? false); return false;
      case 'error':
        if (['unknown-background', 'background-forbidden'].includes(message.code)) this.#backgrounds.reject(message.code);
        else if (this.#conference?.phase === 'room' && message.code !== 'not-in-room') warn(explain(message));
        return false;
      default: return false;
    }
  }

  /**
   * @param {Phase} phase
   * @param {ServerError | null} error
   */
  #showPhase(phase, error) {
    if (phase === 'closed') return this.#close(error);
    if (phase === 'rejoining') return this.#meeting.showLost(!navigator.onLine);
    if (phase === 'room') return this.#showRoom();
    if (document.body.dataset.state !== 'lobby') this.#backToLobby();
    this.#lobby.setJoining(phase === 'waiting' ? 'waiting' : 'no');
    if (error) this.#lobby.say(explain(error));
  }

  #showRoom() {
    const conference = this.#conference;
    if (!conference) return;
    const { hostToken } = conference.state;
    if (hostToken) {
      this.#secrets.host = hostToken;
      saveSecret(this.#room, 'host', hostToken);
    }
    const back = document.body.dataset.state === 'room';
    document.body.dataset.state = 'room';
    if (back) notify(text('room.back'));
    else {
      this.#lobby.setJoining('no');
      this.#lobby.showPreview(null, false);
      this.#wakeLock.hold();
    }
    this.#meeting.enter(conference, back);
  }

  #backToLobby() {
    this.#meeting.leave();
    this.#wakeLock.release();
    this.#showLobby();
    this.#lobby.focus();
  }

  /** @param {ServerError | null} error */
  #close(error) {
    const wasIn = document.body.dataset.state === 'room';
    this.#conference = null;
    this.#backgrounds.leave();
    this.#lobby.setJoining('no');
    this.#lobby.showPreview(null, false);
    if (!wasIn) return this.#lobby.say(error ? explain(error) : '');
    this.#meeting.leave();
    this.#wakeLock.release();
    this.#self.close();
    document.body.dataset.state = 'left';
    showInTab('idle', this.#room, 0);
    showLeft(this.#room, error, error && explain(error), () => this.#rejoin());
  }

  #rejoin() {
    offerReceipt(null);
    this.#showLobby();
    this.#lobby.focus();
    void this.#self.devices.open();
    this.#enter(this.#preferences.name);
  }

  /**
   * @param {Conference} conference
   * @param {Streams} streams
   */
  #attach(conference, streams) {
    this.#meeting.attach(streams);
    if (document.body.dataset.state !== 'lobby') return;
    this.#lobby.showPreview(streams.get(conference.state.self)?.video ?? null, this.#self.isLive('video'));
  }

  /** @param {Kind} kind */
  async #toggle(kind) {
    await this.#self.toggle(kind);
    const { on, track } = this.#self.devices.state[kind];
    const words = kind === 'video' ? /** @type {const} */ (['room.dark.self', 'room.light.self']) : /** @type {const} */ (['room.muted.self', 'room.unmuted.self']);
    if (!on || track) announce(text(words[Number(on)]));
  }

  /** @param {Kind | null} kind */
  #showDevices(kind) {
    const { devices, media } = this.#self;
    showSwitches(media);
    this.#lobby.showDevices(devices);
    this.#lobby.setCamera(media.video);
    this.#meeting.showTab();
    if (!kind || !this.#conference) return;
    const { track, problem, opening } = devices.state[kind];
    void this.#conference.setTrack(kind, track, media[kind]);
    if (problem && !opening && document.body.dataset.state === 'room') {
      warn(text(problem === 'insecure' ? 'problem.insecure' : `problem.${kind}.${problem}`));
    }
  }

  #watchPage() {
    const retry = () => this.#conference?.retryNow();
    let tick = Date.now();
    setInterval(() => {
      if (Date.now() - tick > SLEPT) retry();
      tick = Date.now();
    }, 1000);
    window.addEventListener('online', () => {
      retry();
      this.#meeting.showConnected();
    });
    Reflect.get(navigator, 'connection')?.addEventListener?.('change', retry);
    window.addEventListener('offline', () => {
      if (this.#conference?.phase === 'room') this.#meeting.showLost(true);
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) retry();
    });
    window.addEventListener('beforeunload', (event) => {
      if (document.body.dataset.state === 'room') event.preventDefault();
    });
    window.addEventListener('pagehide', () => this.#conference?.leave());
  }
}

/** @param {ServerError} error */
function explain({ code, message }) {
  const key = `error.${code}`;
  return isKey(key) ? text(key) : text('error.other', { message });
}
