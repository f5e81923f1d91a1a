// @ts-check
/** The files that are pasted. None where it is formatted text: office programs put a picture of that beside it.
 * @param {ClipboardEvent} event */
export function pastedFiles({ clipboardData }) {
  const isText = ['text/plain', 'text/html'].every((type) => clipboardData?.types.includes(type));
  return isText ? [] : [...clipboardData?.files ?? []];
}
