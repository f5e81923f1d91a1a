// @ts-check
/**
 * Shows a background in an element.
 *
 * @param {HTMLElement} target
 * @param {{id: string, address: string | null}} background
 */
export function paint(target, { id, address }) {
  const shown = id.startsWith('blur') ? `/static/icons/${id}.svg` : address;
  target.style.backgroundColor = id.startsWith('#') ? id : '';
  target.style.backgroundImage = shown ? `url("${new URL(shown, location.href).href}")` : '';
}
