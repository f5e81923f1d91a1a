// @ts-check
/** How long a browser has to begin saving, in ms. */
const SAVED_WITHIN = 60_000;

/**
 * A file on its way to the server.
 *
 * @typedef {object} Upload
 * @property {Promise<string>} done nothing, `cancelled`, or the code of the error
 * @property {() => void} cancel
 */

/**
 * Sends a file. By XMLHttpRequest, because `fetch` does not tell how far it is.
 *
 * @param {string} address
 * @param {File} file
 * @param {string} seat
 * @param {(share: number) => void} progress told how much has gone out, in [0, 1]
 * @returns {Upload}
 */
export function upload(address, file, seat, progress) {
  const request = new XMLHttpRequest();
  request.responseType = 'json';
  request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
  /** @type {Promise<string>} */
  const done = new Promise((resolve) => {
    request.onload = () => resolve(request.status === 201 ? '' : String(request.response?.code ?? 'failed'));
    request.onerror = () => resolve('failed');
    request.onabort = () => resolve('cancelled');
  });
  request.open('POST', address);
  request.setRequestHeader('Authorization', `Bearer ${seat}`);
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  request.setRequestHeader('File-Name', encodeURIComponent(file.name.replace(/[\ud800-\udfff]/gu, '')));
  request.send(file);
  return { done, cancel: () => request.abort() };
}

/**
 * Has a file deleted for everybody.
 *
 * @param {string} address
 * @param {string} seat
 * @returns {Promise<boolean>} whether it is gone
 */
export async function deleteFile(address, seat) {
  try {
    const { ok, status } = await fetch(address, { method: 'DELETE', headers: { Authorization: `Bearer ${seat}` } });
    return ok || status === 404;
  } catch {
    return false;
  }
}

/**
 * Fetches a file and has the browser save it; nothing of it is shown.
 *
 * @param {string} address
 * @param {string} name
 * @param {string} seat
 * @returns {Promise<string>} nothing, or the code of the error
 */
export async function save(address, name, seat) {
  try {
    const answer = await fetch(address, { headers: { Authorization: `Bearer ${seat}` } });
    if (!answer.ok) return { 403: 'files-forbidden', 404: 'unknown-file' }[answer.status] ?? 'unsaved';
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), SAVED_WITHIN);
    return '';
  } catch {
    return 'unsaved';
  }
}
