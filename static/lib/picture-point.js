// @ts-check

/**
 * Where in a video's picture a click was, in shares of its width and height from the top left of the picture as it is sent; null
 * beside the picture.
 *
 * @param {{clientX: number, clientY: number}} click
 * @param {HTMLVideoElement} video
 * @param {boolean} mirrored whether it is shown the other way round
 * @returns {{x: number, y: number} | null}
 */
export function picturePoint({ clientX, clientY }, video, mirrored) {
  const { left, top, width, height } = video.getBoundingClientRect();
  const { videoWidth, videoHeight } = video;
  if (!videoWidth || !videoHeight) return null;
  const fit = getComputedStyle(video).objectFit === 'cover' ? Math.max : Math.min;
  const scale = fit(width / videoWidth, height / videoHeight);
  const x = (clientX - left - width / 2) / (scale * videoWidth) + 0.5;
  const y = (clientY - top - height / 2) / (scale * videoHeight) + 0.5;
  return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x: mirrored ? 1 - x : x, y } : null;
}
