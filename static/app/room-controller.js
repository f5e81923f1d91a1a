// @ts-check
import { showInTab } from './favicon.js';
import { loadPreferences } from './preferences.js';
import { Attention } from './attention.js';
import { CaptionController } from './caption-controller.js';
import { ChatController } from './chat-controller.js';
import { DataSaver } from './data-saver.js';
import { Numbers } from './numbers.js';
import { sayChange } from './people-notices.js';
import { PushToTalk } from './push-to-talk.js';
import { RoomPreferences } from './room-preferences.js';
import { ScreenShare } from './screen-share.js';
import { Shortcuts, keysOf } from './shortcuts.js';
import { text } from '../i18n/strings.js';
import { onAction, showAction } from '../view/dom.js';
import { Elsewhere } from '../view/elsewhere.js';
import { Invite } from '../view/invite.js';
import { showWaiting } from '../view/waiting-room.js';
import { announce, notify, warn } from '../view/notices.js';
import { People } from '../view/people.js';
import { Reactions } from '../view/reactions.js';
import { RecordingView } from '../view/recording.js';
import { RoomView } from '../view/room.js';
import { FilterReportView } from '../view/filter-report.js';

/** @import {BackgroundController} from './background-controller.js' */
/** @import {RoomClient} from './room-client.js' */
/** @import {LocalMedia} from '../devices/local-media.js' */
/** @import {Streams} from '../rtc/subscriber.js' */
/** @import {Joined, Participant, ServerMessage} from '../protocol/types.js' */

/** The meeting: what the server says is shown, what the person does is sent. */
export class RoomController {
  #room;
  #local;
  #backgrounds;
  #view = new RoomView();
  #chat;
  #people;
  #reactions = new Reactions((reaction) => this.#send({ type: 'reaction', reaction }));
  #recording = new RecordingView((message) => this.#send(message));
  #filterReport = new FilterReportView();
  #numbers = new Numbers(this.#view.panel, this.#filterReport);
  #invite = new Invite((message) => this.#send(message));
  #elsewhere = new Elsewhere();
  #screen = new ScreenShare();
  #shortcuts;
  #pushToTalk;
  #saving;
  #preferences;
  #attention;
  #captions;
  /** @type {RoomClient | null} */
  #client = null;

  /**
   * @param {string} room
   * @param {LocalMedia} local
   * @param {BackgroundController} backgrounds
   */
  constructor(room, local, backgrounds) {
    this.#room = room;
    this.#attention = new Attention(room);
    this.#local = local;
    this.#backgrounds = backgrounds;
    this.#chat = new ChatController(room, {
      send: (message) => this.#send(message),
      seat: () => this.#client?.seat ?? '',
      seen: () => this.#view.panel.current === 'chat',
    });
    this.#people = new People({ send: (message) => this.#send(message), titles: () => backgrounds.everything });
    this.#view.tiles.onCommand = (message) => this.#send(message);
    this.#view.panel.onOpen = (name) => this.#opened(name);
    this.#pushToTalk = new PushToTalk(local, (talking) => this.#view.showTalking(talking));
    /** @type {Record<string, () => void>} */
    const actions = {
      'screen': () => this.#client && this.#screen.toggle(this.#client),
      'screen-stop': () => this.#screen.stop(this.#client, true),
      'hand': () => this.#send({ type: 'hand', raised: !this.#client?.state.me?.hand }),
      'background': () => this.#view.panel.toggle('background'),
      'chat': () => this.#view.panel.toggle('chat'),
      'people': () => this.#view.panel.toggle('people'),
      'stats': () => this.#view.panel.toggle('stats'),
      'layout': () => this.#preferences.toggleLayout(),
      'invite': () => this.#client && this.#invite.open(this.#client.state),
      'may-unmute': () => void this.#speak(),
      'may-unmute-no': () => this.#view.offerUnmute(''),
      'fullscreen': () => this.#view.toggleFullScreen(),
      'help': () => this.#view.showHelp(),
      'settings': () => {
        this.#view.showSettings();
        this.#preferences.show(local.devices);
        void this.#captions.showSettings();
        this.#elsewhere.show(this.#room, this.#client?.state.self ?? '', this.#client?.token ?? null);
      },
    };
    for (const [name, action] of Object.entries(actions)) onAction(name, action);
    this.#shortcuts = new Shortcuts({
      active: () => document.body.dataset.state === 'room',
      keys: keysOf({ ...actions, reactions: () => this.#reactions.toggle() }),
      talk: (on) => void this.#pushToTalk.press(on),
      escape: () => this.#view.panel.close(),
    });
    this.#saving = new DataSaver(() => this.#receive(), () => local.silence('video'));
    this.#view.tiles.onMain = () => this.#receive();
    this.#preferences = new RoomPreferences(this.#view, this.#shortcuts, {
      processing: () => local.applyProcessing(),
      effects: () => this.#sendEffects(),
    });
    this.#captions = new CaptionController(local);
  }

  /** Takes in what a new connection brought, in the lobby as in the room.
   * @param {RoomClient} client @param {Joined} joined */
  prepare(client, joined) {
    this.#client = client;
    if (this.#saving.choice !== 'all' || this.#view.tiles.main) this.#receive();
    this.#sendEffects();
    this.#filterReport.begin(joined.model);
    this.#recording.show(client.state);
    this.#reactions.offer(client.state.reactions);
    if (!client.state.me?.screen) this.#screen.end(client, 'lost');
  }

  /**
   * @param {RoomClient} client
   * @param {boolean} back whether the room has been on the screen all along
   */
  enter(client, back) {
    this.#client = client;
    this.#view.showLost('');
    this.#chat.show(client.state, back);
    this.#local.moveTo(this.#view.devices);
    this.#backgrounds.moveTo(this.#view.panel.place('background'));
    this.#showPolicy();
    showWaiting(client);
    if (back) return;
    if (client.state.recording) this.#recording.say(client.state.recording);
    this.#view.focus();
    this.#numbers.start(client);
  }

  leave() {
    this.#screen.stop(this.#client, false);
    this.#numbers.stop();
    this.#captions.leave();
    this.#chat.clear();
    this.#view.reset();
    this.#client = null;
  }

  /** @param {boolean} offline */
  showLost(offline) {
    this.#view.showLost(text(offline ? 'room.offline' : 'room.rejoining'));
    this.showTab();
  }

  /** The network is back before anything was lost. */
  showConnected() {
    if (this.#client?.phase === 'room') this.#view.showLost('');
    this.showTab();
  }

  /** @param {Streams} streams */
  attach(streams) {
    this.#view.tiles.attach(streams);
  }

  /** Shows who is there and what is known of them.
   * @param {RoomClient} client */
  refresh(client) {
    if (client.phase !== 'room' && client.phase !== 'rejoining') return;
    const { state, participants } = client;
    this.#view.showParticipants(participants, state.self, state.isHost);
    this.#people.show(participants, state);
    this.#chat.offerReaders(participants.filter(({ id }) => id !== state.self));
    const hand = text(state.me?.hand ? 'toolbar.hand.down' : 'toolbar.hand');
    showAction('hand', { active: Boolean(state.me?.hand), label: hand, caption: hand });
    this.#screen.show(this.#client);
    this.#captions.follow(client);
    this.#filterReport.showWhere(state.me?.deviceFilter === true);
    const hidden = state.me?.video || this.#local.isLive('video') ? state.hidden[state.self] ?? null : null;
    this.#filterReport.showHidden(hidden !== null);
    this.#view.showHidden(hidden);
    this.showTab();
  }

  /**
   * @param {RoomClient} client
   * @param {ServerMessage} message
   * @param {Participant | null} before
   */
  hear(client, message, before) {
    const { state } = client;
    if (client.phase === 'room') this.#attention.hear(message, before, state);
    switch (message.type) {
      case 'participant-joined':
      case 'participant-left': return sayChange(message, before, state.self);
      case 'participant-updated': {
        const { id, role } = message.participant;
        sayChange(message, before, state.self);
        if (before && id === state.self && role !== before.role) this.#changeRole(role);
        return;
      }
      case 'chat':
        this.#chat.receive(message.chat, state.self);
        return this.showTab();
      case 'file-deleted': return this.#chat.showDeleted(message.file);
      case 'reaction': return this.#view.tiles.react(message.participant, message.reaction, state.nameOf(message.participant));
      case 'caption': return this.#captions.hear(message);
      case 'speaker': return this.#view.tiles.showSpeakers(message.participant, state.speaking);
      case 'knock':
      case 'knock-ended': return showWaiting(client);
      case 'policy': return this.#showPolicy();
      case 'recording':
        this.#recording.show(state);
        return this.#recording.say(message.recording);
      case 'muted':
        void this.#pushToTalk.end();
        return warn(message.by ? text('host.muted.you', { name: state.nameOf(message.by) }) : text('host.muted.policy'));
      case 'unmute-allowed': return this.#view.offerUnmute(text('host.unmute.you', { name: state.nameOf(message.by) }));
      case 'invitations': return this.#invite.hear(message, state);
      case 'screen': return this.#screen.end(client, message.reason);
      case 'filter':
        this.#filterReport.showSize(client.size, client.participants.length);
        return this.#filterReport.showOwn(message);
      case 'totals': return this.#filterReport.showTotals(message);
      case 'error':
        if (message.code.startsWith('screen-') || (message.code === 'bad-sdp' && !state.me?.screen)) this.#screen.stop(client, false);
    }
  }

  /** Takes in that the devices have changed. */
  followDevices() {
    this.#captions.follow(this.#client);
    this.showTab();
  }

  showTab() {
    const state = this.#client?.phase === 'rejoining' ? 'lost' : this.#local.isLive('audio') ? 'live' : 'muted';
    if (document.body.dataset.state === 'room') showInTab(state, this.#room, this.#chat.unread);
  }

  /** Sends what one does in the room. While the connection is lost nothing is done, and nothing looks as if it were.
   * @param {import('../protocol/types.js').ClientMessage} message */
  #send(message) {
    const client = this.#client;
    if (client?.phase === 'room' && client.send(message)) return true;
    announce(text('room.rejoining'));
    this.#showPolicy();
    return false;
  }

  /** Says what is wanted of the others' cameras. */
  #receive() {
    this.#client?.receive(this.#saving.choice, this.#view.tiles.main);
  }

  /** Tells the server, in the lobby too, what is to be done to one's own picture. */
  #sendEffects() {
    const { framing, lowLight } = loadPreferences();
    this.#client?.send({ type: 'effects', framing, lowLight });
  }

  /** A host has allowed it. */
  async #speak() {
    this.#view.offerUnmute('');
    await this.#local.talk(true);
  }

  /** @param {Participant['role']} role */
  #changeRole(role) {
    notify(text(role === 'host' ? 'host.you' : 'host.you.not'));
    if (role === 'host') this.#send({ type: 'invitations' }); // with what makes one a host again after a reload
    if (this.#client) showWaiting(this.#client);
    this.#showPolicy();
  }

  #showPolicy() {
    const state = this.#client?.state;
    if (!state) return;
    this.#people.showPolicy(state);
    this.#view.tiles.unmute = state.policy.unmute;
    this.#chat.allow(state);
    this.#backgrounds.allow(state, state.isHost);
    this.#view.showLocked(state.policy.locked);
    this.#recording.show(state);
    this.#screen.show(this.#client);
    if (this.#client) this.refresh(this.#client);
  }

  /** @param {string} name of a panel */
  #opened(name) {
    if (name === 'background') this.#backgrounds.focus();
    if (name === 'chat') this.#chat.focus();
    if (name === 'stats') void this.#numbers.show();
    this.showTab();
  }
}
