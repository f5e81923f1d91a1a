// @ts-check
/** The quietest level shown, in dB below full scale. */
const FLOOR = -60;

/** Watches how loud a track is; the track itself is left as it is. */
export class LevelMeter {
  #audio = new AudioContext();
  #analyser = this.#audio.createAnalyser();
  #samples = new Float32Array(1024);
  #timer = 0;
  #resume = () => void this.#audio.resume();

  /**
   * @param {MediaStreamTrack} track
   * @param {(level: number) => void} show told the level, in [0, 1], ten times a second
   */
  constructor(track, show) {
    this.#analyser.fftSize = this.#samples.length;
    this.#audio.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
    this.#timer = window.setInterval(() => show(this.#level()), 100);
    // Some browsers start sound only after a gesture.
    window.addEventListener('pointerdown', this.#resume);
    window.addEventListener('keydown', this.#resume);
  }

  close() {
    clearInterval(this.#timer);
    window.removeEventListener('pointerdown', this.#resume);
    window.removeEventListener('keydown', this.#resume);
    void this.#audio.close();
  }

  #level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0) / this.#samples.length;
    const decibels = 10 * Math.log10(power + 1e-12);
    return Math.min(1, Math.max(0, 1 - decibels / FLOOR));
  }
}
