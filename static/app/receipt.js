// @ts-check
/** @import {Receipt} from '../protocol/types.js' */

/**
 * What checking a receipt here came to: `ok`; `forged`, the signature does not fit; `wrong`, its numbers contradict each other or tell
 * of a picture that was not filtered; `unknown`, this browser or this connection can't check it.
 * @typedef {'ok' | 'forged' | 'wrong' | 'unknown'} Verdict
 */

/**
 * Checks a receipt as `greenroom verify` does: docs/receipts.md. Ed25519 of WebCrypto, where the browser has it.
 *
 * @param {Receipt} receipt
 * @param {JsonWebKey} key the server's public key
 * @returns {Promise<Verdict>}
 */
export async function verifyReceipt(receipt, key) {
  const { signature, ...signed } = receipt;
  const { crv, kty, x } = key;
  if (!x) return 'unknown';
  try {
    const thumbprint = await crypto.subtle.digest('SHA-256', encode({ crv, kty, x }));
    if (base64url(new Uint8Array(thumbprint)) !== receipt.key) return 'forged';
    const verifier = await crypto.subtle.importKey('jwk', { crv, kty, x }, 'Ed25519', false, ['verify']);
    if (!await crypto.subtle.verify('Ed25519', verifier, bytes(signature), encode(signed))) return 'forged';
  } catch {
    return 'unknown'; // no Ed25519 here, or no secure connection, or what should be a key or a signature is none
  }
  return addsUp(receipt.frames) ? 'ok' : 'wrong';
}

/** @param {Receipt['frames']} frames */
function addsUp({ received, filtered, covered, slated, repeated, encoded, sent, withheld, raw }) {
  const produced = filtered + covered + slated + repeated;
  return withheld === received - produced && raw === Math.max(0, Math.max(encoded, sent) - produced) && sent <= encoded && raw === 0;
}

/** The canonical JSON (RFC 8785) of a value, in UTF-8.
 * @param {unknown} value */
function encode(value) {
  return new TextEncoder().encode(JSON.stringify(value, (_, inner) => (
    inner && typeof inner === 'object' && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner
  )));
}

/** @param {Uint8Array} data */
function base64url(data) {
  return btoa(String.fromCharCode(...data)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @param {string} words in base64url */
function bytes(words) {
  return Uint8Array.from(atob(words.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
}
