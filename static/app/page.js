// @ts-check
import { BackgroundController } from './background-controller.js';
import { DoorController } from './door-controller.js';
import { explain } from './explain.js';
import { Meeting } from './meeting.js';
import { RoomClient } from './room-client.js';
import { showInTab } from './favicon.js';
import { loadPreferences, savePreferences } from './preferences.js';
import { Secrets } from './secrets.js';
import { LocalMedia } from '../devices/local-media.js';
import { text } from '../i18n/strings.js';
import { showSwitches } from '../view/device-fields.js';
import { onAction } from '../view/dom.js';
import { Door } from '../view/door.js';
import { offerReceipt, showLeft } from '../view/left.js';
import { Lobby } from '../view/lobby.js';
import { gather, notify, warn } from '../view/notices.js';
import { OtherTabs } from './other-tabs.js';
import { WakeLock } from './wake-lock.js';
import { watchWayBack } from './way-back.js';

/** @import {Phase} from './room-client.js' */
/** @import {Joined, Kind, ServerError, ServerMessage} from '../protocol/types.js' */
/** @import {Streams} from '../rtc/subscriber.js' */

/** One room in one tab: from the lobby into the meeting and out again. */
export class Page {
  #room;
  #preferences = loadPreferences();
  #local;
  #backgrounds;
  #lobby;
  #meeting;
  /** Whether one has asked to be let in. */
  #asked = false;
  #door;
  /** @type {RoomClient | null} */
  #client = null;
  #wakeLock = new WakeLock();
  #otherTabs;
  #secrets;

  /** @param {string} room */
  constructor(room) {
    const { name, background } = this.#preferences;
    this.#room = room;
    this.#secrets = new Secrets(room);
    this.#local = new LocalMedia((kind) => this.#showDevices(kind));
    this.#lobby = new Lobby(name, { join: (typed) => void this.#enter(typed), prepare: () => void this.#prepare(), cancel: () => this.#cancel() });
    this.#backgrounds = new BackgroundController(room, background, (chosen) => this.#lobby.showBackground(chosen));
    this.#meeting = new Meeting(() => void this.#prepare(), room, this.#local, this.#backgrounds);
    this.#door = new DoorController(room, this.#secrets, () => this.#connect());
    this.#otherTabs = new OtherTabs(room, () => document.body.dataset.state === 'room');
    onAction('microphone', () => void this.#local.toggle('audio'));
    onAction('flip', () => this.#local.flip());
    onAction('camera', () => void this.#local.toggle('video'));
    onAction('leave', () => this.#client?.leave());
  }

  /** Shows the lobby, opens the devices, and sends their picture to the server and back. */
  async start() {
    for (const place of document.querySelectorAll('.room-name')) place.textContent = this.#room;
    this.#watchPage();
    if (this.#secrets.token) this.#lobby.expectGrant();
    this.#showLobby();
    this.#lobby.focus();
    const loaded = this.#backgrounds.load();
    const opened = this.#local.devices.open();
    await loaded;
    await this.#prepare();
    await opened;
  }

  /** Comes to the server, where one asks to be let in; whoever is quick has done so already. */
  async #prepare() {
    if (await this.#load() && !this.#client) this.#connect();
  }

  /** Loads what the meeting needs, or says that the server can't be reached. */
  async #load() {
    if (await this.#meeting.load()) return true;
    this.#lobby.setJoining('no');
    this.#sayUnreachable();
    return false;
  }

  #sayUnreachable() {
    this.#lobby.say(text(navigator.onLine ? 'lobby.unreachable' : 'lobby.offline'));
  }

  #showLobby() {
    document.body.dataset.state = 'lobby';
    showInTab('idle', this.#room, 0);
    this.#lobby.showTwin(false);
    this.#otherTabs.ask(() => this.#lobby.showTwin(true));
    this.#backgrounds.moveTo(this.#lobby.backgrounds);
    this.#local.moveTo(this.#lobby.devices, this.#lobby.filter);
    gather();
  }

  #connect() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const client = new RoomClient({
      url: `${scheme}//${location.host}/ws`,
      room: this.#room,
      name: this.#preferences.name || text('lobby.somebody'),
      background: this.#backgrounds.joinId,
      secrets: this.#secrets,
    }, {
      phase: (phase, error) => this.#showPhase(phase, error),
      joined: (joined) => this.#join(client, joined),
      unreachable: () => this.#sayUnreachable(),
      told: (message, before) => {
        if (!this.#hear(message)) this.#meeting.controller?.hear(client, message, before);
      },
      changed: () => {
        this.#lobby.showHidden(client.state.hidden[client.state.self] ?? null);
        this.#meeting.controller?.refresh(client);
      },
      streams: (streams) => this.#attach(client, streams),
    });
    this.#client = client;
    client.start(this.#local.tracks, this.#local.media);
  }

  /** @param {RoomClient} client @param {Joined} joined */
  #join(client, joined) {
    if (this.#door.isShut) this.#comeIn();
    this.#lobby.showGrant(joined.grant, client.state.me?.name ?? '');
    this.#lobby.say('');
    this.#lobby.showPresent(joined.state === 'lobby' ? joined.present : null);
    this.#requireFilter(client);
    void this.#local.devices.setLimits(joined.limits.video);
    this.#backgrounds.enter(client, joined);
    this.#meeting.controller?.prepare(client, joined);
  }

  /** @param {ServerError} error */
  #standAtDoor(error) {
    this.#local.close();
    this.#door.stand(error);
  }

  #comeIn() {
    this.#door.open();
    this.#returnToLobby();
  }

  /** Has the camera filtered on this device where the room or the token wants that: before anything is sent.
   * @param {RoomClient} client */
  #requireFilter({ state }) {
    this.#local.requireFilter(state.policy.deviceFilter === 'required' || state.limits?.deviceFilter === 'required');
  }

  /** @param {string} name */
  async #enter(name) {
    this.#asked = true;
    this.#preferences.name = name;
    if (!this.#client?.state.grant?.name) savePreferences({ name });
    this.#lobby.setJoining('joining');
    if (!await this.#load() || !this.#asked) return;
    if (!this.#client) this.#connect();
    this.#client?.enter(name);
  }

  /** Asks no more to be let in; the lobby stays. */
  #cancel() {
    this.#asked = false;
    if (!this.#meeting.controller) return this.#lobby.setJoining('no');
    this.#client?.leave();
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
      case 'invitations':
        if (this.#client) this.#secrets.keepPlace(this.#client.state);
        return false;
      case 'policy':
        if (this.#client) this.#requireFilter(this.#client);
        this.#backgrounds.allow(message, this.#client?.state.isHost ?? false);
        return false;
      case 'error':
        if (['unknown-background', 'background-forbidden'].includes(message.code)) this.#backgrounds.reject(message.code);
        else if (this.#client?.phase === 'room' && message.code !== 'not-in-room') warn(explain(message));
        return false;
      default: return false;
    }
  }

  /** @param {Phase} phase @param {ServerError | null} error */
  #showPhase(phase, error) {
    if (phase === 'closed') return this.#close(error);
    if (phase === 'rejoining') return this.#meeting.controller?.showLost(!navigator.onLine);
    if (phase === 'room') return this.#showRoom();
    if (document.body.dataset.state !== 'lobby') this.#backToLobby();
    this.#lobby.setJoining(phase === 'waiting' ? 'waiting' : 'no');
    if (error) this.#lobby.say(explain(error));
  }

  #showRoom() {
    const client = this.#client;
    if (!client) return;
    this.#secrets.keepPlace(client.state);
    const back = document.body.dataset.state === 'room';
    document.body.dataset.state = 'room';
    gather();
    if (back) notify(text('room.back'));
    else {
      this.#lobby.setJoining('no');
      this.#lobby.showPreview(null, false);
      this.#wakeLock.hold();
    }
    this.#meeting.controller?.enter(client, back);
  }

  #backToLobby() {
    this.#meeting.controller?.leave();
    this.#wakeLock.release();
    this.#showLobby();
    this.#lobby.focus();
  }

  /** Shows the lobby after the devices had been closed. */
  #returnToLobby() {
    this.#showLobby();
    this.#lobby.focus();
    void this.#local.devices.open();
  }

  /** @param {ServerError | null} error */
  #close(error) {
    const wasIn = document.body.dataset.state === 'room';
    this.#client = null;
    this.#backgrounds.leave();
    this.#lobby.setJoining('no');
    this.#lobby.showPreview(null, false);
    if (!wasIn && error && Door.keepsOut(error.code)) return this.#standAtDoor(error);
    if (!wasIn) return this.#lobby.say(error ? explain(error) : '');
    this.#meeting.controller?.leave();
    this.#wakeLock.release();
    this.#local.close();
    document.body.dataset.state = 'left';
    showInTab('idle', this.#room, 0);
    showLeft(this.#room, error, error && explain(error), () => this.#rejoin());
  }

  #rejoin() {
    offerReceipt(null);
    this.#returnToLobby();
    void this.#enter(this.#preferences.name);
  }

  /** @param {RoomClient} client @param {Streams} streams */
  #attach(client, streams) {
    this.#meeting.controller?.attach(streams);
    if (document.body.dataset.state !== 'lobby') return;
    this.#lobby.showPreview(streams.get(client.state.self)?.video ?? null, this.#local.isLive('video'));
  }

  /** @param {Kind | null} kind */
  #showDevices(kind) {
    const { devices, media } = this.#local;
    showSwitches(media, devices.state);
    this.#lobby.showDevices(devices);
    this.#lobby.setCamera(media.video);
    this.#meeting.controller?.followDevices();
    if (kind) void this.#client?.setTracks(this.#local.tracks, media);
  }

  #watchPage() {
    watchWayBack({
      retry: () => this.#client?.retryNow(),
      online: () => this.#meeting.controller?.showConnected(),
      offline: () => {
        if (this.#client?.phase === 'room') this.#meeting.controller?.showLost(true);
      },
    });
    window.addEventListener('beforeunload', (event) => {
      if (document.body.dataset.state === 'room') event.preventDefault();
    });
    window.addEventListener('pagehide', () => {
      this.#client?.leave(true);
      this.#local.close();
    });
    window.addEventListener('pageshow', ({ persisted }) => {
      if (!persisted || document.body.dataset.state !== 'lobby') return;
      this.#returnToLobby();
      void this.#prepare();
    });
  }
}
