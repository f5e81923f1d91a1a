// @ts-check
import { BackgroundChoice } from './background-choice.js';
import { Conference } from './conference.js';
import { Devices } from './devices.js';
import { LevelMeter } from './level.js';
import { loadPreferences, savePreferences } from './preferences.js';
import { isKey, text } from './strings.js';
import { DeviceFields } from './view/device-fields.js';
import { showLeft } from './view/left.js';
import { Lobby } from './view/lobby.js';
import { announce, notify, warn } from './view/notices.js';
import { Room } from './view/room.js';
import { WakeLock } from './wake-lock.js';

/** @import {Phase, Presence} from './conference.js' */
/** @import {Joined, Kind, Participant, ServerError} from './types.js' */

/** How often it is looked who speaks, in ms. */
const SPEAKER_INTERVAL = 300;

/** One room in one tab: joins devices, backgrounds and conference to what is shown. */
export class Session {
  #room;
  #preferences = loadPreferences();
  #devices;
  #backgrounds;
  #fields;
  #lobby;
  #view;
  /** @type {Conference | null} */
  #conference = null;
  /** @type {LevelMeter | null} */
  #meter = null;
  /** The track that the meter listens to.
   * @type {MediaStreamTrack | null} */
  #metered = null;
  #wakeLock = new WakeLock();
  #speakers = 0;
  #self = '';
  #level = 0;

  /** @param {string} room */
  constructor(room) {
    const { name, background, camera, microphone, cameraOn, microphoneOn } = this.#preferences;
    this.#room = room;
    this.#devices = new Devices({ video: { on: cameraOn, id: camera }, audio: { on: microphoneOn, id: microphone } },
      (kind) => this.#showDevices(kind));
    this.#fields = new DeviceFields({ choose: (kind, id) => this.#choose(kind, id), retry: () => void this.#devices.open() });
    const toggle = (/** @type {Kind} */ kind) => void this.#toggle(kind);
    this.#lobby = new Lobby(name, { join: (typed) => this.#join(typed), cancel: () => this.#cancel(), toggle });
    this.#view = new Room({
      toggle, invite: () => void invite(), leave: () => this.#conference?.leave(), openBackgrounds: () => this.#backgrounds.focus(),
    });
    this.#backgrounds = new BackgroundChoice(room, background, (chosen) => this.#lobby.showBackground(chosen));
  }

  /** Shows the lobby and opens the devices. */
  async start() {
    for (const place of document.querySelectorAll('.room-name')) place.textContent = this.#room;
    document.title = `${this.#room} – ${text('app.name')}`;
    this.#watchPage();
    this.#showLobby();
    await Promise.all([this.#backgrounds.load(), this.#devices.open()]);
  }

  #showLobby() {
    document.body.dataset.state = 'lobby';
    this.#backgrounds.moveTo(this.#lobby.backgrounds);
    this.#fields.moveTo(this.#lobby.devices);
    this.#showDevices(null);
    this.#lobby.focus();
  }

  /** @param {string} name */
  #join(name) {
    this.#preferences.name = name;
    savePreferences({ name });
    document.body.dataset.state = 'joining';
    this.#lobby.setJoining(true);
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const options = { url: `${scheme}//${location.host}/ws`, room: this.#room, name, background: this.#backgrounds.joinId };
    const conference = new Conference(options, {
      phase: (phase, error) => this.#showPhase(phase, error),
      joined: (joined) => this.#enter(conference, joined),
      unreachable: () => this.#lobby.say(text('lobby.unreachable')),
      participants: (participants, self) => this.#showParticipants(participants, self),
      presence: sayPresence,
      streams: (streams) => this.#view.tiles.attach(streams),
      background: (id) => this.#backgrounds.confirm(id),
      filter: (report) => this.#view.filter.show(report),
      error: (error) => (error.code === 'unknown-background' ? this.#backgrounds.reject() : warn(explain(error))),
    });
    this.#conference = conference;
    const { video, audio } = this.#devices.state;
    conference.start({ video: video.track, audio: audio.track }, { video: video.track !== null, audio: audio.track !== null && audio.on });
  }

  #cancel() {
    this.#conference?.leave();
  }

  /**
   * @param {Phase} phase
   * @param {ServerError | null} error
   */
  #showPhase(phase, error) {
    if (phase === 'closed') return this.#close(error);
    this.#view.showBanner(phase === 'rejoining' ? text(navigator.onLine ? 'room.rejoining' : 'room.offline') : '');
  }

  /**
   * @param {Conference} conference
   * @param {Joined} joined
   */
  #enter(conference, joined) {
    if (document.body.dataset.state === 'room') notify(text('room.back'));
    else this.#showRoom();
    this.#view.filter.begin(joined.model);
    void this.#devices.setLimits(joined.limits.video);
    this.#backgrounds.enter(conference, joined);
  }

  #showRoom() {
    document.body.dataset.state = 'room';
    this.#lobby.setJoining(false);
    this.#backgrounds.moveTo(this.#view.backgrounds);
    this.#fields.moveTo(this.#view.devices);
    this.#showDevices(null);
    this.#view.focus();
    this.#wakeLock.hold();
    clearInterval(this.#speakers);
    this.#speakers = window.setInterval(() => void this.#showSpeakers(), SPEAKER_INTERVAL);
  }

  /** @param {ServerError | null} error */
  #close(error) {
    const wasIn = document.body.dataset.state === 'room';
    this.#conference = null;
    this.#backgrounds.leave();
    this.#lobby.setJoining(false);
    if (!wasIn) {
      document.body.dataset.state = 'lobby';
      return this.#lobby.say(error ? explain(error) : '');
    }
    this.#wakeLock.release();
    clearInterval(this.#speakers);
    this.#view.reset();
    this.#devices.close();
    this.#meterTrack(null);
    document.body.dataset.state = 'left';
    showLeft(this.#room, error, error && explain(error), () => this.#rejoin());
  }

  #rejoin() {
    this.#showLobby();
    void this.#devices.open();
    this.#join(this.#preferences.name);
  }

  /**
   * @param {Participant[]} participants
   * @param {string} self
   */
  #showParticipants(participants, self) {
    this.#self = self;
    this.#view.showParticipants(participants, self);
  }

  async #showSpeakers() {
    const levels = (await this.#conference?.levels()) ?? new Map();
    levels.set(this.#self, this.#devices.state.audio.on && this.#level > 0.5 ? 1 : 0);
    this.#view.tiles.showLevels(levels);
  }

  /** @param {Kind} kind */
  async #toggle(kind) {
    const state = this.#devices.state[kind];
    await this.#devices.toggle(kind, !(state.on && state.track));
    const { on, track } = state;
    savePreferences(kind === 'video' ? { cameraOn: on } : { microphoneOn: on });
    if (!this.#conference) return;
    const words = kind === 'video' ? /** @type {const} */ (['room.dark.self', 'room.light.self']) : /** @type {const} */ (['room.muted.self', 'room.unmuted.self']);
    if (!on || track) announce(text(words[Number(on)]));
  }

  /**
   * @param {Kind} kind
   * @param {string} id
   */
  #choose(kind, id) {
    savePreferences(kind === 'video' ? { camera: id } : { microphone: id });
    void this.#devices.choose(kind, id);
  }

  /** @param {Kind | null} kind */
  #showDevices(kind) {
    this.#fields.show(this.#devices);
    this.#lobby.showDevices(this.#devices);
    this.#view.showDevices(this.#devices);
    this.#meterTrack(this.#devices.state.audio.track);
    if (!kind || !this.#conference) return;
    const { track, on, problem, opening } = this.#devices.state[kind];
    void this.#conference.setTrack(kind, track, on && track !== null);
    if (problem && !opening && document.body.dataset.state === 'room') {
      warn(text(problem === 'insecure' ? 'problem.insecure' : `problem.${kind}.${problem}`));
    }
  }

  /** @param {MediaStreamTrack | null} track */
  #meterTrack(track) {
    if (track === this.#metered) return;
    this.#meter?.close();
    this.#metered = track;
    this.#meter = track && new LevelMeter(track, (level) => {
      this.#level = level;
      this.#fields.showLevel(level);
    });
    if (!track) this.#fields.showLevel(0);
  }

  #watchPage() {
    window.addEventListener('online', () => this.#conference?.retryNow());
    window.addEventListener('offline', () => this.#showPhase(this.#conference?.phase ?? 'joining', null));
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#conference?.retryNow();
    });
    window.addEventListener('pagehide', () => this.#conference?.leave());
  }
}

/**
 * @param {Participant} participant
 * @param {Presence} presence
 */
function sayPresence({ name }, presence) {
  if (presence === 'joined') notify(text('room.joined', { name }));
  if (presence === 'left') notify(text('room.left', { name }));
  if (presence === 'lost') notify(text('room.lost', { name }));
}

/** @param {ServerError} error */
function explain({ code, message }) {
  const key = `error.${code}`;
  return isKey(key) ? text(key) : text('error.other', { message });
}

/** Copies the room's address. */
async function invite() {
  const link = location.origin + location.pathname;
  try {
    await navigator.clipboard.writeText(link);
    notify(text('invite.copied'));
  } catch {
    notify(text('invite.manual', { link })); // no clipboard without a secure context or permission
  }
}
