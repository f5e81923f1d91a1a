// @ts-check
import { text } from '../i18n/strings.js';
import { mention, notify } from '../view/notices.js';

/** @import {Participant, ServerMessage} from '../protocol/types.js' */

/**
 * Says who has come or gone, and what somebody has begun.
 *
 * @param {Extract<ServerMessage, {type: 'participant-joined' | 'participant-left' | 'participant-updated'}>} message
 * @param {Participant | null} before what was known of the participant
 * @param {string} self
 */
export function sayChange(message, before, self) {
  if (message.type === 'participant-joined') return mention(text('room.joined', { name: message.participant.name }));
  if (!before) return;
  if (message.type === 'participant-left') return mention(text(`room.${message.reason}`, { name: before.name }));
  const now = message.participant;
  if (now.hand && !before.hand && now.id !== self) mention(text('room.hand', { name: now.name }));
  if (now.screen && !before.screen && now.id !== self) mention(text('room.screen', { name: now.name }));
  if (now.spotlit && !before.spotlit) notify(now.id === self ? text('room.spotlit.you') : text('room.spotlit', { name: now.name }));
  if (before.spotlit && !now.spotlit && now.id === self) notify(text('room.spotlit.not'));
}
