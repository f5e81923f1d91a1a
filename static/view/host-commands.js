// @ts-check
import { text } from '../i18n/strings.js';
import { confirmed } from './confirm.js';

/** @import {ClientMessage, Participant, Policy} from '../protocol/types.js' */
/** @import {Key} from '../i18n/strings.js' */

/**
 * @typedef {object} HostCommand
 * @property {Key} key what it is called
 * @property {string} symbol
 * @property {ClientMessage} message
 * @property {{title: Key, words: Key}} [question] what is asked before
 */

/**
 * What a host can do about somebody else.
 *
 * @param {Participant} participant
 * @param {Policy['unmute']} unmute
 * @returns {HostCommand[]}
 */
export function hostCommands({ id, audio, hand, role }, unmute) {
  /** @type {HostCommand[]} */
  const commands = [];
  if (audio) commands.push({ key: 'host.mute', symbol: 'mic', message: { type: 'mute', participant: id } });
  else if (unmute === 'hosts' && role === 'guest') commands.push({ key: 'host.unmute', symbol: 'mic-off', message: { type: 'allow-unmute', participant: id } });
  if (hand) commands.push({ key: 'host.lower', symbol: 'hand', message: { type: 'hand', raised: false, participant: id } });
  if (role === 'guest') {
    commands.push({
      key: 'host.promote', symbol: 'promote', message: { type: 'role', participant: id, role: 'host' },
      question: { title: 'host.promote.title', words: 'host.promote.text' },
    });
  } else commands.push({ key: 'host.demote', symbol: 'demote', message: { type: 'role', participant: id, role: 'guest' } });
  commands.push({
    key: 'host.remove', symbol: 'remove', message: { type: 'remove', participant: id },
    question: { title: 'host.remove.title', words: 'host.remove.text' },
  });
  return commands;
}

/**
 * Shows somebody large to everybody, oneself too, or no more.
 *
 * @param {Participant} participant
 * @returns {HostCommand}
 */
export function spotlight({ id, spotlit }) {
  return { key: spotlit ? 'host.spotlight.off' : 'host.spotlight', symbol: 'spotlight', message: { type: 'spotlight', participant: spotlit ? null : id } };
}

/**
 * Does it, after asking where it is worth a question.
 *
 * @param {HostCommand} command
 * @param {string} name of whom it is about
 * @param {(message: ClientMessage) => void} send
 */
export async function command({ key, message, question }, name, send) {
  if (question && !await confirmed({ title: text(question.title, { name }), words: text(question.words, { name }), action: text(key) })) return;
  send(message);
}
