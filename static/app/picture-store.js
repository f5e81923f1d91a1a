// @ts-check
/**
 * A person's own background pictures, kept in this browser (IndexedDB), so that they are there again next time.
 *
 * @typedef {{id: string, title: string, blob: Blob}} OwnPicture
 */

const STORE = 'pictures';
/** The longer side of a picture as it is uploaded, in pixels. */
const LONGEST_SIDE = 1920;

/** The picture as a JPEG of bounded size, upright and without metadata such as the place it was taken at.
 * @param {File} file
 * @returns {Promise<OwnPicture>} rejected with a DOMException when it is no picture this browser can read */
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', 0.9); });
  if (!blob) throw new DOMException('no JPEG', 'EncodingError');
  const title = file.name.replace(/\.[^.]*$/, '').slice(0, 40);
  return { id: `own:${crypto.getRandomValues(new Uint32Array(2)).join('')}`, title, blob };
}

/** @returns {Promise<OwnPicture[]>} */
export function loadPictures() {
  return transact('readonly', (store) => store.getAll()).then((pictures) => pictures ?? []);
}

/** @param {OwnPicture} picture */
export async function keepPicture(picture) {
  await transact('readwrite', (store) => store.put(picture));
}

/** @param {string} id */
export async function forgetPicture(id) {
  await transact('readwrite', (store) => store.delete(id));
}

/**
 * Null where the browser refuses storage (private windows): the pictures then last as long as the page.
 *
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} action
 * @returns {Promise<T | null>}
 */
async function transact(mode, action) {
  try {
    const database = await settled(openDatabase());
    const result = await settled(action(database.transaction(STORE, mode).objectStore(STORE)));
    database.close();
    return result;
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function openDatabase() {
  const request = indexedDB.open('greenroom', 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
  return request;
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
