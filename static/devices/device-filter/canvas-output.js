// @ts-check
/** What is drawn before the first frame, and instead of frames that don't come. */
const GREY = '#6e6e6e';
/** How many ticks of the clock (30 a second) may pass without a filtered frame before the picture is covered: 0.25 s. */
const MAX_AGE = 8;

/** For browsers without streams of frames: reads the camera from an element, and draws what was filtered on a canvas. */
export class CanvasOutput {
  #video = document.createElement('video');
  #canvas = document.createElement('canvas');
  #context;
  /** Ticks since the last filtered frame. */
  #age = 0;
  /** Whether a frame is on its way through the filter. */
  #waits = false;
  track;

  static get isPossible() {
    return 'VideoFrame' in window && 'captureStream' in HTMLCanvasElement.prototype;
  }

  /** @param {MediaStreamTrack} camera */
  constructor(camera) {
    const { width = 640, height = 360 } = camera.getSettings();
    Object.assign(this.#canvas, { width, height });
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('there is no canvas');
    this.#context = context;
    this.#cover();
    this.track = this.#canvas.captureStream(30).getVideoTracks()[0];
    this.#video.muted = true;
    this.#video.srcObject = new MediaStream([camera]);
    this.#video.play().catch(() => {}); // no frame comes then, and the canvas stays covered
  }

  /** Returns the camera's next frame, to be filtered and closed, at each tick of the clock; null while there is none.
   * @returns {VideoFrame | null} */
  next() {
    if (++this.#age === MAX_AGE) this.#cover();
    if (this.#waits || this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    try {
      const frame = new VideoFrame(this.#video);
      this.#waits = true;
      return frame;
    } catch {
      return null; // an element may have data and no picture yet
    }
  }

  /** @param {VideoFrame} frame that was filtered */
  draw(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#context.drawImage(frame, 0, 0);
    frame.close();
    this.#age = 0;
    this.#waits = false;
  }

  close() {
    this.#cover();
    this.track.stop();
    this.#video.srcObject = null;
  }

  #cover() {
    this.#context.fillStyle = GREY;
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
  }
}
