// @ts-check
import { isRoomName, roomName, suggestRoom } from '../app/room-names.js';
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';

/** The front page, where a room is named. */
export function showLanding() {
  const input = byId('room-name', HTMLInputElement);
  const error = byId('landing-error', HTMLElement);
  document.body.dataset.state = 'landing';
  input.value = suggestRoom();
  if (location.pathname !== '/') error.textContent = text(location.pathname.startsWith('/r/') ? 'landing.bad.address' : 'landing.nothing');
  byId('suggest', HTMLButtonElement).onclick = () => {
    input.value = suggestRoom();
    input.focus();
  };
  input.oninput = () => {
    error.textContent = '';
    input.removeAttribute('aria-invalid');
  };
  byId('landing-form', HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    const name = roomName(input.value);
    if (isRoomName(name)) return location.assign(`/r/${name}`);
    error.textContent = text('landing.bad');
    input.setAttribute('aria-invalid', 'true');
    input.focus();
  };
}
