// @ts-check
/** @import {ClientMessage, Participant} from '../protocol/types.js' */
/** @import {Key} from '../i18n/strings.js' */

/**
 * What a host can do about somebody else.
 *
 * @param {Participant} participant
 * @returns {{key: Key, symbol: string, message: ClientMessage}[]}
 */
export function hostCommands({ id, audio, hand }) {
  /** @type {{key: Key, symbol: string, message: ClientMessage}[]} */
  const commands = [];
  if (audio) commands.push({ key: 'host.mute', symbol: 'mic', message: { type: 'mute', participant: id } });
  if (hand) commands.push({ key: 'host.lower', symbol: 'hand', message: { type: 'hand', raised: false, participant: id } });
  commands.push({ key: 'host.remove', symbol: 'remove', message: { type: 'remove', participant: id } });
  return commands;
}
