// @ts-check
/*
 * One person's filtered picture and nothing else, for programs that show a page, as OBS does: /watch/ROOM/WHO#token=…
 * By WHEP (draft-ietf-wish-whep), without sound; when the picture ends it is asked for again.
 */

/** Between two tries, in ms. */
const RETRY = 2000;
/** For how long addresses are gathered before the offer goes out, in ms. */
const GATHERING = 1000;
/** A link and its parameters (RFC 8288), as the server writes them. */
const LINK = /<([^>]*)>((?:; [\w-]+="(?:[^"\\]|\\.)*")*)/g;
const PARAMETER = /; ([\w-]+)="((?:[^"\\]|\\.)*)"/g;

const endpoint = location.pathname.replace(/^\/watch\//, '/whep/');
const token = new URLSearchParams(location.hash.slice(1)).get('token');
/** @type {Record<string, string>} */
const authorization = token ? { Authorization: `Bearer ${token}` } : {};
const video = /** @type {HTMLVideoElement} */ (document.querySelector('video'));
const words = /** @type {HTMLElement} */ (document.querySelector('p'));
/** Where the session that runs is ended. @type {string | null} */
let session = null;

/** @param {number} time in ms */
function pause(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** STUN and TURN servers, which WHEP names before the offer (RFC 9725, section 4.6). */
async function iceServers() {
  const { headers } = await fetch(endpoint, { method: 'OPTIONS', headers: authorization });
  return [...(headers.get('Link') ?? '').matchAll(LINK)].map(([, urls, parameters]) => {
    const found = [...parameters.matchAll(PARAMETER)].map(([, name, value]) => [name, value.replace(/\\(.)/g, '$1')]);
    const { username, credential } = Object.fromEntries(found);
    return { urls, username, credential };
  });
}

/** @param {RTCPeerConnection} connection */
async function gather(connection) {
  await connection.setLocalDescription();
  const complete = new Promise((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve(null);
  });
  await Promise.race([complete, pause(GATHERING)]);
  return connection.localDescription?.sdp ?? '';
}

/** Resolves when nothing comes any more.
 * @param {RTCPeerConnection} connection */
function lost(connection) {
  return new Promise((resolve) => {
    connection.onconnectionstatechange = () => {
      if (['disconnected', 'failed', 'closed'].includes(connection.connectionState)) resolve(null);
    };
  });
}

/** The server's words, or what is known where a proxy has answered.
 * @param {Response} answer */
async function why(answer) {
  const { message } = await answer.json().catch(() => ({}));
  return message ?? `${answer.status} ${answer.statusText}`;
}

/** Shows the picture until it ends. Rejected with the server's words when there is none. */
async function play() {
  const connection = new RTCPeerConnection({ iceServers: await iceServers() });
  connection.addTransceiver('video', { direction: 'recvonly' });
  connection.ontrack = ({ track }) => { video.srcObject = new MediaStream([track]); };
  const end = lost(connection);
  try {
    const headers = { ...authorization, 'Content-Type': 'application/sdp' };
    const answer = await fetch(endpoint, { method: 'POST', headers, body: await gather(connection) });
    if (!answer.ok) throw new Error(await why(answer));
    session = answer.headers.get('Location');
    await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    words.textContent = '';
    await end;
  } finally {
    connection.close();
    video.srcObject = null;
    leave();
  }
}

function leave() {
  if (session) void fetch(session, { method: 'DELETE', headers: authorization, keepalive: true }).catch(() => {});
  session = null;
}

window.addEventListener('pagehide', leave);
for (;;) {
  await play().catch((/** @type {Error} */ error) => { words.textContent = error.message; });
  await pause(RETRY);
}

export {};
